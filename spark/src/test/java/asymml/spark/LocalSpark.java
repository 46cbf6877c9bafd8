package asymml.spark;

import org.apache.spark.sql.SparkSession;

/// The Spark session of all tests of a process, which ends with it: to start one takes seconds.
final class LocalSpark {
  private static final SparkSession SESSION =
      SparkSession.builder()
          .master("local[2]")
          .config("spark.ui.enabled", "false")
          .config("spark.io.encryption.enabled", "true")
          .config("spark.sql.shuffle.partitions", "2")
          .getOrCreate();

  private LocalSpark() {}

  static SparkSession session() {
    return SESSION;
  }
}
