/// Scores what attacks found against the truth. Trust level: it is given private data, as values,
/// by whoever runs it on the trusted side; attacks do not see it.
@NullMarked
package asymml.analysis.score;

import org.jspecify.annotations.NullMarked;
