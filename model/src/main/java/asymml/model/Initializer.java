package asymml.model;

import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Initial values of parameters, fixed by a seed.
public final class Initializer {
  private final long seed;
  private final Map<String, float[]> given;

  /// Creates an initialiser.
  ///
  /// @param seed fixes all values
  public Initializer(long seed) {
    this(seed, Map.of());
  }

  /// Creates an initialiser that has some values already.
  ///
  /// @param seed fixes the others
  /// @param given values by the parameter's name
  public Initializer(long seed, Map<String, float[]> given) {
    this.seed = seed;
    this.given = Map.copyOf(given);
  }

  /// Initial values of one parameter: weights as [Parameter.Initial] says, scales and running
  /// variances 1, the rest 0. They depend on the seed and the parameter's name and shape only.
  /// Values that were given take their place.
  ///
  /// @param parameter which
  /// @return new array of its size
  public float[] values(Parameter parameter) {
    float @Nullable [] own = given.get(parameter.name());
    return own == null ? drawn(parameter) : own.clone();
  }

  private float[] drawn(Parameter parameter) {
    float[] values = new float[Math.toIntExact(parameter.size())];
    switch (parameter.kind()) {
      case SCALE, RUNNING_VARIANCE -> Arrays.fill(values, 1);
      case BIAS, SHIFT, RUNNING_MEAN -> {
        // already zero
      }
      case WEIGHT, STANDARDIZED_WEIGHT -> {
        SplittableRandom random = new SplittableRandom(seed ^ mix(parameter.name()));
        int[] axes = parameter.shape();
        int window = axes[1] * axes[2];
        switch (parameter.initial()) {
          case HE -> {
            double deviation = Math.sqrt(2.0 / (window == 1 ? axes[3] : window * axes[0]));
            for (int i = 0; i < values.length; i++) {
              values[i] = (float) (deviation * random.nextGaussian());
            }
          }
          case SMALL_UNIFORM -> {
            double bound = 1 / Math.sqrt((double) window * axes[3]);
            for (int i = 0; i < values.length; i++) {
              values[i] = (float) random.nextDouble(-bound, bound);
            }
          }
        }
      }
    }
    return values;
  }

  /// A stable 64-bit hash of a name (FNV-1a): `String.hashCode` is only 32 bits wide.
  private static long mix(String name) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < name.length(); i++) {
      hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
    }
    return hash;
  }
}
