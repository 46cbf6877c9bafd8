/// A trained model that answers HTTP requests: the REST endpoints of the Open Inference Protocol
/// v2, and images as they are. Trust level: TRUSTED, it sees the images of its clients.
@NullMarked
package asymml.serve;

import org.jspecify.annotations.NullMarked;
