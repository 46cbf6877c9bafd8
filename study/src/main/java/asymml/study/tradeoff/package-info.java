/// Accuracy against noise: a grid of training runs that can be resumed. Trust level: TRUSTED;
/// results are statistics of private data, covered by no guarantee.
@NullMarked
package asymml.study.tradeoff;

import org.jspecify.annotations.NullMarked;
