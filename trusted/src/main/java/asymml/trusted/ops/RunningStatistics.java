package asymml.trusted.ops;

import asymml.kernels.Tensor;

/// Averages of a batch normalisation's statistics over training steps, which inference uses.
///
/// @param mean `[C]`
/// @param variance `[C]`, unbiased
public record RunningStatistics(Tensor mean, Tensor variance) {}
