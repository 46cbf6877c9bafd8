package asymml.spark;

import java.io.IOException;
import java.io.Serializable;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;
import org.jspecify.annotations.Nullable;

/// Lets tasks ask the driver before they release anything, and ends the workers of an executor with
/// it. A Spark session that trains has the setting `spark.plugins` of [#NAME].
public final class AsymmlPlugin implements SparkPlugin {
  /// What the setting `spark.plugins` must name.
  public static final String NAME = "asymml.spark.AsymmlPlugin";

  /// The runs of this driver that are under way. Spark creates plugins itself, so that this cannot
  /// be handed to one.
  private static final Map<String, Desk> DESKS = new ConcurrentHashMap<>();

  /// How an executor reaches the driver; for the same reason.
  private static volatile @Nullable PluginContext context;

  /// Answers the tasks of a run. Called by threads of Spark.
  interface Desk {
    /// Whether an attempt of a task may release.
    ///
    /// @param step of the run
    /// @param partition of the task
    /// @return true once that is in the ledger on disk
    boolean permit(long step, int partition) throws IOException;
  }

  /// What a task asks.
  private record Question(String run, long step, int partition) implements Serializable {
    private static final long serialVersionUID = 1;
  }

  /// Created by Spark.
  public AsymmlPlugin() {}

  static void open(String run, Desk desk) {
    DESKS.put(run, desk);
  }

  static void close(String run) {
    DESKS.remove(run);
  }

  /// Asks the driver, from a task.
  static boolean ask(String run, long step, int partition) {
    PluginContext own = context;
    if (own == null) {
      throw new IllegalStateException("this executor has no plugin " + NAME);
    }
    try {
      return Boolean.TRUE.equals(own.ask(new Question(run, step, partition)));
    } catch (Exception e) {
      throw new IllegalStateException(
          "the driver does not say whether this task may release: it does not", e);
    }
  }

  @Override
  public DriverPlugin driverPlugin() {
    return new DriverPlugin() {
      @Override
      public Map<String, String> init(SparkContext sc, PluginContext pluginContext) {
        return Map.of();
      }

      @Override
      public Object receive(Object message) throws IOException {
        if (!(message instanceof Question(String run, long step, int partition))) {
          throw new IllegalArgumentException("an unknown question");
        }
        Desk desk = DESKS.get(run);
        return desk != null && desk.permit(step, partition);
      }
    };
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new ExecutorPlugin() {
      @Override
      public void init(PluginContext own, Map<String, String> extraConf) {
        context = own;
      }

      @Override
      public void shutdown() {
        Members.closeIdle();
      }
    };
  }
}
