/// The least expensive plan on this machine. Trust level: TRUSTED; results are statistics of
/// private data, covered by no guarantee.
@NullMarked
package asymml.study.plan;

import org.jspecify.annotations.NullMarked;
