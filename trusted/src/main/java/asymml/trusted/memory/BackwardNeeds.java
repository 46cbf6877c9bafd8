package asymml.trusted.memory;

import asymml.model.Layer;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.LinearLayer;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;

/// What an operation's backward pass reads besides the gradient of its output, and how it writes
/// that of its input. All memory between operations is planned by what stands here: an operation
/// that reads more than it says reads what others have written there.
///
/// @param input whether it reads its input again
/// @param output whether it reads its output again
/// @param inputGradient where it can put the gradient of its input
record BackwardNeeds(boolean input, boolean output, InputGradient inputGradient) {
  /// How an operation writes the gradient of an input.
  enum InputGradient {
    /// A kernel writes it, and needs it apart from the gradient of the output.
    APART,
    /// A kernel writes it, if need be over the gradient of the output.
    IN_PLACE,
    /// It is the gradient of the output.
    PASSED_ON,
    /// It is taken from workers, once the gradient of the output is not read any more.
    LAST;

    /// Whether it can lie where the gradient of the output lies.
    boolean replaces() {
      return this == IN_PLACE || this == PASSED_ON;
    }
  }

  /// The needs of a layer, as the operations here fulfil them.
  ///
  /// @param layer the layer
  /// @param relu whether the ReLU behind it is fused in
  /// @param placement where it runs
  /// @param shares whether releases are under masks
  static BackwardNeeds of(Layer layer, boolean relu, Placement placement, boolean shares) {
    return switch (layer) {
      case LinearLayer _ ->
          switch (placement) {
            case Trusted _ -> new BackwardNeeds(true, false, InputGradient.APART);
            // The worker has the residuals, and the decomposition its coefficients; under masks,
            // the weight gradient is computed here.
            case Split _, Untrusted _ -> new BackwardNeeds(shares, false, InputGradient.LAST);
          };
      case GroupedConv2d _ -> new BackwardNeeds(true, false, InputGradient.APART);
      // Of a fused ReLU it keeps a mask.
      case BatchNorm _ -> new BackwardNeeds(true, false, InputGradient.IN_PLACE);
      // It finds a fused ReLU's mask in the output.
      case GroupNorm _ -> new BackwardNeeds(true, relu, InputGradient.IN_PLACE);
      case HardSwish _ -> new BackwardNeeds(true, false, InputGradient.IN_PLACE);
      case Relu _, Activation _ -> new BackwardNeeds(false, true, InputGradient.IN_PLACE);
      // It reads the image: it has no backward pass.
      case Scattering _ -> new BackwardNeeds(false, false, InputGradient.APART);
      case Add _ -> new BackwardNeeds(false, relu, InputGradient.PASSED_ON);
      // It keeps which inputs won.
      case MaxPool _ -> new BackwardNeeds(false, false, InputGradient.APART);
      case AvgPool _, GlobalAvgPool _ -> new BackwardNeeds(false, false, InputGradient.APART);
      case Concat _ -> new BackwardNeeds(false, false, InputGradient.APART);
      case Flatten _ -> new BackwardNeeds(false, false, InputGradient.PASSED_ON);
      // Its mask follows from the step.
      case Dropout _ -> new BackwardNeeds(false, false, InputGradient.IN_PLACE);
    };
  }
}
