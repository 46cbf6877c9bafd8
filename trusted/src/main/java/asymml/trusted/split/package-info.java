/// The operations shared with untrusted workers: linear layers, what they send and how results are
/// merged. Trust level: TRUSTED. Tensors are sent through the release door.
@NullMarked
package asymml.trusted.split;

import org.jspecify.annotations.NullMarked;
