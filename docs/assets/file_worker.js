// A page that is opened as a file may start no worker, and the search of this site is one. It then runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      const script = inside.document.createElement("script")
      script.onload = () => {
        this.waiting.forEach(data => this.tell(data))
        this.waiting = null
      }
      script.src = new URL(url, location.href)
      inside.document.head.append(script)
    }

    postMessage(data) {
      this.waiting ? this.waiting.push(data) : this.tell(data)
    }

    tell(data) {
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }))
    }

    terminate() {
      this.frame.remove()
    }
  }
}
