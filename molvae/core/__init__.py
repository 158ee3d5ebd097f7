"""What every VAE shares: it knows no molecules, no pixels and no Gaussian processes.

Every formula of the house, where its code is, and its source. [AEVB] is Kingma & Welling 2013, "Auto-encoding
variational Bayes", arXiv 1312.6114; all quantities are nats per example.

    distributions   z = mu + sigma eps, eps ~ N(0, I)                                 [AEVB] eq. 10
                    z = mu + L eps                                                    Kingma & Welling 2019, 2.5.1
                    Bernoulli, Gaussian, Laplace log p(x|z), constants included       [AEVB] appendix C
    mixtures        sum_m w_m N(x, y; mu_m, Sigma_m), the next point of a pen         Graves 2013, eq. 23 to 25
    slot_mixture    sum_i log sum_k m_ik N(x_i; mu_ik, s_k^2), KL(q(c|x) || p(c|z))   Burgess et al. 2019, eq. 3
    categorical     one-hot argmax(log pi + g), g ~ Gumbel(0, 1)                      Maddison et al. 2014
                    z = softmax((log pi + g) / tau), or straight through              Jang 2016; Maddison 2016
                    one-hot forward, pi backward                                      Bengio et al. 2013
    discretised     P(x) = s((x + w/2 - mu) / b) - s((x - w/2 - mu) / b)              Salimans et al. 2017, eq. 2
    codebook        the nearest e_k, |sg[z] - e_k|^2, |z - sg[e_k]|^2, running means  van den Oord et al. 2017, eq. 1, 3
    priors          KL(q || N(0, I)) = -1/2 sum_j (1 + log s_j^2 - m_j^2 - s_j^2)     [AEVB] appendix B
                    KL of N(mu, L L^T): 1/2 (tr L L^T + mu^T mu - D) - log det L      Kingma & Welling 2019, 2.5.1
                    KL of two Gaussians, for a prior that is learned or p(z|x)        Sohn et al. 2015
                    KL(pi || uniform) = sum_n (log C + sum_c pi_nc log pi_nc)         Jang et al. 2016
    flows           u = f(z): log q(u) = log q(z) - log |det du/dz|                   Dinh et al. 2017; Chen et al. 2017
    objectives      ELBO = E_q[log p(x|z)] - beta KL                                  [AEVB] eq. 3, 7; Higgins 2017
                    ELBO = E_q[log p(x|z) + log p(z) - log q(z|x)]                    [AEVB] eq. 2, 6
                    free bits: sum_j max(lambda, KL_j)                                Kingma et al. 2016, eq. 15
                    the same for the whole code: max(lambda, KL)                      Ha & Eck 2017, eq. 11
                    IWAE = E[log 1/S sum_s p(x, z_s) / q(z_s|x)]                      Burda et al. 2016, eq. 8
                    InfoVAE: beta KL + w MMD(q(z), p(z)) in the place of the KL       Zhao et al. 2019, eq. 6
                    the same for the codes of each class                              Louizos et al. 2016, section 2.4
                    wake-sleep: log p(x, z), z ~ q; log q(z|x), (x, z) ~ p            Hinton et al. 1995
                    population: KL of the moments of a batch + w KL of each variance  Rivera 2023
                    score function (f - b) grad log q(z|x)                            Mnih & Gregor 2014, eq. 5-8
                    leave-one-out baseline b_s = mean of f over the other samples     Mnih & Rezende 2016, eq. 7
    evaluate        log p(x) by importance sampling from q                            Burda et al. 2016, section 5
                    log p(x) = log E_p(z)[p(x|z)], naively                            [AEVB] section 2.1
                    active units: Var_x(E_q[z_j]) > 0.01                              Burda et al. 2016, section 5.2
    frechet         |m - m'|^2 + Tr(C + C' - 2 (C C')^(1/2))                          Dowson & Landau 1982
    schedules       beta rising once, or in cycles                                    Bowman et al. 2016; Fu et al. 2019
                    tau = max(floor, exp(-rate step))                                 Jang et al. 2016
    fit             mean of the weights, decay min(d, (1 + t) / (10 + t))             Polyak & Juditsky 1992
    training        a ELBO + (1 - a) E_p(z|x)[log p(y|x, z)]                          Sohn et al. 2015, eq. 7, 8
                    bound + sum_k w_k log p_k(y|z), y the properties                  Gomez-Bombarelli et al. 2018
    sampling        great circle between two points                                   Shoemake 1985; White 2016
                    the plane through the inverse Gaussian CDF                        [AEVB] appendix A
    images          M2: -L(x, y), -U(x), J                                            Kingma et al. 2014, eq. 6, 7, 9
                    + w mean over patches of log s(D(x^)), D a PatchGAN               Isola et al. 2017; Rivera 2023
                    log p(x|z) of a sketch: places and states of the pen              Ha & Eck 2017, eq. 9
    nn              p(k) = prod_i p(k_i | k_<i) on a grid, tanh(a) s(b) of both stacks van den Oord et al. 2016, eq. 2
                    h_i = GRU(x_i, sum of the children's h), and from the parent      Jin et al. 2018, section 2.3
    molecules       log p(x|z) = sum log p(grow) + log q(label) + log softmax f       Jin et al. 2018, section 2.4, 2.5
                    z' = sqrt(1 - a^2) z + a e, e ~ p(z), before decoding             our own
"""
