/// What a network is: layers, graph, shapes, zoo, initial parameters and model files. Trust level:
/// public knowledge; no private data passes through here.
@NullMarked
package asymml.model;

import org.jspecify.annotations.NullMarked;
