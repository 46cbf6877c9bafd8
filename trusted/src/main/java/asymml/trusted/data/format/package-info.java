/// Formats of files that hold many images: tar archives and Parquet files, read in place by several
/// threads at once. Trust level: TRUSTED. Files are taken as hostile: what they declare is checked
/// before memory is taken, and what is not read is refused by name. No message carries content.
@NullMarked
package asymml.trusted.data.format;

import org.jspecify.annotations.NullMarked;
