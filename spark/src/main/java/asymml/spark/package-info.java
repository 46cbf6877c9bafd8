/// Training on Apache Spark: the driver holds model, optimiser, ledger and checkpoint, and each
/// executor is a trusted process with the images of its partitions. What passes between them is
/// private.
@NullMarked
package asymml.spark;

import org.jspecify.annotations.NullMarked;
