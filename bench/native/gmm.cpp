// Log posterior of a Gaussian mixture with Wishart prior, value and gradients in one sweep.
//
// Q_k is lower triangular with diagonal exp(q_k). For one sample and component, with
// c = x - mu_k and u = Q_k c, the joint is alpha_k + Σ q_k - |u|²/2 and its derivatives are
// u_bar = -w u, Q_bar = u_bar cᵀ, c_bar = Qᵀ u_bar, where w is the posterior weight of k.
// u runs down columns of Q (the strict triangle is copied into columns once), c_bar and Q_bar along
// rows: no loop over a triangle is a sum, so that all are vectorised without reordering sums.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

using Index = std::int64_t;

extern "C" double gmm(Index n, Index d, Index K, const double *__restrict alpha,
                      const double *__restrict mu, const double *__restrict q,
                      const double *__restrict lower, const double *gamma_, const double *m_,
                      const double *__restrict X, double *__restrict alpha_bar,
                      double *__restrict mu_bar, double *__restrict q_bar,
                      double *__restrict lower_bar) {
    const double gamma = *gamma_, m = *m_, pi = std::acos(-1.0);
    std::vector<double> diagonal(K * d), columns(K * d * d, 0.0);
    std::vector<double> sum_q(K, 0.0), centred(K * d), whitened(K * d), joint(K), c_bar(d);
    double frobenius = 0.0, total_q = 0.0;
    for (Index k = 0; k < K; ++k)
        for (Index i = 0; i < d; ++i) {
            diagonal[k * d + i] = std::exp(q[k * d + i]);
            sum_q[k] += q[k * d + i];
            frobenius += diagonal[k * d + i] * diagonal[k * d + i];
            for (Index j = 0; j < i; ++j) {
                const double entry = lower[(k * d + i) * d + j];
                columns[(k * d + j) * d + i] = entry;
                frobenius += entry * entry;
            }
        }
    for (Index k = 0; k < K; ++k)
        total_q += sum_q[k];
    std::fill(alpha_bar, alpha_bar + K, 0.0);
    std::fill(mu_bar, mu_bar + K * d, 0.0);
    std::fill(q_bar, q_bar + K * d, 0.0);
    std::fill(lower_bar, lower_bar + K * d * d, 0.0);

    double likelihood = 0.0;
    for (Index s = 0; s < n; ++s) {
        const double *x = X + s * d;
        double largest = -INFINITY;
        for (Index k = 0; k < K; ++k) {
            double *c = &centred[k * d], *u = &whitened[k * d];
            const double *centre = mu + k * d, *diagonal_k = &diagonal[k * d];
            for (Index i = 0; i < d; ++i) {
                c[i] = x[i] - centre[i];
                u[i] = diagonal_k[i] * c[i];
            }
            for (Index j = 0; j < d; ++j) {
                const double *column = &columns[(k * d + j) * d];
                const double c_j = c[j];
                for (Index i = j + 1; i < d; ++i)
                    u[i] += column[i] * c_j;
            }
            double square = 0.0;
            for (Index i = 0; i < d; ++i)
                square += u[i] * u[i];
            joint[k] = alpha[k] + sum_q[k] - 0.5 * square;
            largest = std::max(largest, joint[k]);
        }
        double sum = 0.0;
        for (Index k = 0; k < K; ++k) {
            joint[k] = std::exp(joint[k] - largest);
            sum += joint[k];
        }
        likelihood += largest + std::log(sum);
        for (Index k = 0; k < K; ++k) {
            const double weight = joint[k] / sum;
            const double *c = &centred[k * d], *diagonal_k = &diagonal[k * d];
            double *u = &whitened[k * d];
            alpha_bar[k] += weight;
            for (Index i = 0; i < d; ++i) {
                u[i] *= -weight;
                q_bar[k * d + i] += u[i] * c[i];
                c_bar[i] = diagonal_k[i] * u[i];
            }
            for (Index i = 1; i < d; ++i) {
                const double *row = lower + (k * d + i) * d;
                double *row_bar = lower_bar + (k * d + i) * d;
                const double u_i = u[i];
                for (Index j = 0; j < i; ++j) {
                    row_bar[j] += u_i * c[j];
                    c_bar[j] += u_i * row[j];
                }
            }
            for (Index i = 0; i < d; ++i)
                mu_bar[k * d + i] -= c_bar[i];
        }
    }

    double largest = -INFINITY, sum = 0.0;
    for (Index k = 0; k < K; ++k)
        largest = std::max(largest, alpha[k]);
    for (Index k = 0; k < K; ++k)
        sum += std::exp(alpha[k] - largest);
    for (Index k = 0; k < K; ++k) {
        const double responsibility = alpha_bar[k];
        alpha_bar[k] -= n * std::exp(alpha[k] - largest) / sum;
        for (Index i = 0; i < d; ++i) {
            const double diagonal_ki = diagonal[k * d + i];
            q_bar[k * d + i] = diagonal_ki * q_bar[k * d + i] + responsibility - m
                               + gamma * gamma * diagonal_ki * diagonal_ki;
            for (Index j = 0; j < i; ++j)
                lower_bar[(k * d + i) * d + j] += gamma * gamma * lower[(k * d + i) * d + j];
        }
    }

    const double freedom = d + m + 1;
    double log_gammas = 0.25 * d * (d - 1) * std::log(pi);
    for (Index j = 0; j < d; ++j)
        log_gammas += std::lgamma(0.5 * (freedom - j));
    const double scale = freedom * d * (std::log(gamma) - 0.5 * std::log(2.0)) - log_gammas;
    const double prior = 0.5 * gamma * gamma * frobenius - m * total_q;
    return likelihood - n * (largest + std::log(sum)) - 0.5 * n * d * std::log(2 * pi) + prior
           - K * scale;
}
