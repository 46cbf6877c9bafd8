/// The noise that ranks need for one guarantee. Trust level: TRUSTED; results are statistics of
/// private data, covered by no guarantee.
@NullMarked
package asymml.study.compare;

import org.jspecify.annotations.NullMarked;
