// log Σ exp(x_i) and its gradient, the softmax: maximum, sum, normalisation.
#include <cmath>
#include <cstdint>

extern "C" double logsumexp(std::int64_t n, const double *x, double *x_bar) {
    double largest = x[0];
    for (std::int64_t i = 1; i < n; ++i)
        largest = x[i] > largest ? x[i] : largest;
    double sum = 0.0;
    for (std::int64_t i = 0; i < n; ++i) {
        x_bar[i] = std::exp(x[i] - largest);
        sum += x_bar[i];
    }
    const double scale = 1.0 / sum;
    for (std::int64_t i = 0; i < n; ++i)
        x_bar[i] *= scale;
    return largest + std::log(sum);
}
