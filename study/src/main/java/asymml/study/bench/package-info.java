/// What a training step costs, mode against mode. Trust level: TRUSTED; results are statistics of
/// private data, covered by no guarantee.
@NullMarked
package asymml.study.bench;

import org.jspecify.annotations.NullMarked;
