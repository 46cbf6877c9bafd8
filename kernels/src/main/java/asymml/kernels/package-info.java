/// Float32 kernels on dense NHWC tensors in native memory: convolution, linear, normalisation,
/// pooling, matrix product and element-wise passes. Trust level: neutral. Whoever calls them owns
/// the data.
@NullMarked
package asymml.kernels;

import org.jspecify.annotations.NullMarked;
