/// Audits of the privacy that a run claims: lower bounds from what an observer can tell, beside the
/// accountant's upper bounds. Trust level: TRUSTED, but without private images.
@NullMarked
package asymml.study.audit;

import org.jspecify.annotations.NullMarked;
