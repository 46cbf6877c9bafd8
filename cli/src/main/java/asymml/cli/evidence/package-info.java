/// `asymml evidence`: shows, verifies and gets evidence of TEEs. Trust level: the data owner's
/// machine, but for `get`, which runs in the TEE.
@NullMarked
package asymml.cli.evidence;

import org.jspecify.annotations.NullMarked;
