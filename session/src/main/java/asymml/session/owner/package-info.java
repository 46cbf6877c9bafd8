/// Runs on data that their owner has sealed: the key comes from the owner, to a TEE whose evidence
/// the owner accepts, and what the run stores is sealed under it. Trust level: TRUSTED.
@NullMarked
package asymml.session.owner;

import org.jspecify.annotations.NullMarked;
