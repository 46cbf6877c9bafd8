/// The only place that sends bytes from the trusted side: the connection to an untrusted worker and
/// the release door in front of it. Trust level: TRUSTED.
///
/// A tensor goes out only by a [asymml.trusted.boundary.Released], and only this package makes one.
/// What is received is hostile: every number is checked here, and values in the tensor region may
/// change at any time, so that callers read each once and refuse what is not finite.
@NullMarked
package asymml.trusted.boundary;

import org.jspecify.annotations.NullMarked;
