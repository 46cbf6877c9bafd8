/// What studies share: ranks beside noise alone, and training for a moment. Trust level: TRUSTED;
/// results are statistics of private data, covered by no guarantee.
@NullMarked
package asymml.study;

import org.jspecify.annotations.NullMarked;
