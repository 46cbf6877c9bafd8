/// Private images in, normalised batches out: image folders, zip and tar files, tables and Parquet
/// files, CIFAR and IDX files, the generated default set, shuffling, augmentation and prefetching.
/// Trust level: TRUSTED. Private data lives here in clear; nothing in this package logs, and no
/// message carries a pixel or a label.
@NullMarked
package asymml.trusted.data;

import org.jspecify.annotations.NullMarked;
