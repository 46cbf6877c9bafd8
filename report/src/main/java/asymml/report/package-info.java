/// What runs, attacks, comparisons and benchmarks come to, for people: numbers as text, charts as
/// SVG, one HTML page. Trust level: trusted side; pages and charts show statistics of private data,
/// and pages with attacks show private images.
@NullMarked
package asymml.report;

import org.jspecify.annotations.NullMarked;
