package asymml.wire;

/// What crosses the boundary. Requests go from the trusted side to the worker and carry a sequence
/// number. It starts at 0 and grows by 1 to [#MAX_SEQUENCE_STEP], and nobody can tell by how much
/// before the request is there. The worker answers each of them except [Bye], strictly in order,
/// with a reply of the same number; an answer that was sent before its request has another.
///
/// Tensors are named by their [Slot]. Where the two sides share memory that is all; where they do
/// not, a [Payload] brings the slot's bytes before the message that needs them.
public sealed interface Message {
  /// The version of the protocol that these records are.
  int PROTOCOL_VERSION = 7;

  /// The largest step from the number of a request to that of the next.
  int MAX_SEQUENCE_STEP = 1 << 30;

  /// The longest reason, name or precision in bytes.
  int MAX_TEXT_BYTES = 300;

  /// The highest number of an operation.
  int MAX_OP_ID = (1 << 20) - 1;

  /// The number of the operation on which a worker shows its precision, if it is asked to: on masks
  /// alone, no data.
  int CHECK_OP_ID = MAX_OP_ID;

  /// The number of the request, or of the request answered.
  ///
  /// @return at least 0
  long sequence();

  /// A message from the trusted side to the worker that is answered, and [Bye].
  sealed interface Request extends Message {}

  /// A message from the worker to the trusted side.
  sealed interface Reply extends Message {}

  /// The first request. Its layout, and those of [Welcome] and [Failed], are the same in every
  /// version of the protocol, so that two versions can tell each other apart.
  ///
  /// @param sequence its number
  /// @param protocolVersion what the trusted side speaks
  record Hello(long sequence, int protocolVersion) implements Request {
    /// Checks the number.
    public Hello {
      checkSequence(sequence);
    }
  }

  /// Asks the worker to hold a tensor region, in place of the one before, if any. Where the two
  /// sides share memory the region comes with the message, see [Transport#share]; otherwise the
  /// worker allocates one and tensors come in the stream.
  ///
  /// @param sequence its number
  /// @param sizeBytes size of the region, 1 to [Slot#MAX_REGION_BYTES]
  /// @param encoding of the tensors of that region in the stream, both ways; float32 if shared
  record MapRegion(long sequence, long sizeBytes, Encoding encoding) implements Request {
    /// Checks the ranges above.
    public MapRegion {
      checkSequence(sequence);
      if (sizeBytes < 1 || sizeBytes > Slot.MAX_REGION_BYTES) {
        throw new IllegalArgumentException(
            "a region has 1 to " + Slot.MAX_REGION_BYTES + " bytes: " + sizeBytes);
      }
    }
  }

  /// Asks the worker to prepare an operation.
  ///
  /// @param sequence its number
  /// @param opId the operation's number, new, 0 to [#MAX_OP_ID]
  /// @param op its shape
  record DefineOp(long sequence, int opId, OpDescriptor op) implements Request {
    /// Checks the numbers.
    public DefineOp {
      checkSequence(sequence);
      checkOpId(opId);
    }
  }

  /// Asks the worker to take an operation's weights; it keeps a copy.
  ///
  /// @param sequence its number
  /// @param opId the operation's number
  /// @param weights where W `[O, kH, kW, C]` stands
  record LoadWeights(long sequence, int opId, Slot weights) implements Request {
    /// Checks the numbers.
    public LoadWeights {
      checkSequence(sequence);
      checkOpId(opId);
    }
  }

  /// Asks for `Y = W * X`.
  ///
  /// @param sequence its number
  /// @param opId the operation's number
  /// @param x where X `[N, H, W, C]` stands
  /// @param y where Y `[N, OH, OW, O]` goes
  record Forward(long sequence, int opId, Slot x, Slot y) implements Request {
    /// Checks the numbers.
    public Forward {
      checkSequence(sequence);
      checkOpId(opId);
    }
  }

  /// Asks for the gradient of the input.
  ///
  /// @param sequence its number
  /// @param opId the operation's number
  /// @param dy where dY `[N, OH, OW, O]` stands
  /// @param dx where dX `[N, H, W, C]` goes
  record BackwardData(long sequence, int opId, Slot dy, Slot dx) implements Request {
    /// Checks the numbers.
    public BackwardData {
      checkSequence(sequence);
      checkOpId(opId);
    }
  }

  /// Asks for the gradient of the weights.
  ///
  /// @param sequence its number
  /// @param opId the operation's number
  /// @param x where X `[N, H, W, C]` stands
  /// @param dy where dY `[N, OH, OW, O]` stands
  /// @param dw where dW `[O, kH, kW, C]` goes
  record BackwardWeights(long sequence, int opId, Slot x, Slot dy, Slot dw) implements Request {
    /// Checks the numbers.
    public BackwardWeights {
      checkSequence(sequence);
      checkOpId(opId);
    }
  }

  /// Asks the worker to hold weights and their momentum, and to update them from now on
  /// ([UpdateWeights]); it keeps copies. They go by the number of an operation of their shape, and
  /// replace those that it held under this number before.
  ///
  /// @param sequence its number
  /// @param opId the operation's number
  /// @param weights where W `[O, kH, kW, C]` stands
  /// @param velocity where the momentum, of the same shape, stands
  record HoldWeights(long sequence, int opId, Slot weights, Slot velocity) implements Request {
    /// Checks the numbers.
    public HoldWeights {
      checkSequence(sequence);
      checkOpId(opId);
    }
  }

  /// Asks the worker to take weights that it holds as an operation's, as [LoadWeights] does those
  /// that are sent.
  ///
  /// @param sequence its number
  /// @param opId the operation's number
  /// @param holder the operation that they are held under, of the same weights' shape
  record LoadHeld(long sequence, int opId, int holder) implements Request {
    /// Checks the numbers.
    public LoadHeld {
      checkSequence(sequence);
      checkOpId(opId);
      checkOpId(holder);
    }
  }

  /// Asks the worker to keep the directions that held weights are folded with; it keeps a copy.
  ///
  /// @param sequence its number
  /// @param holder the operation that they are held under
  /// @param directions where D `[m, C]` stands, m from 1 to C + 1
  record KeepDirections(long sequence, int holder, Slot directions) implements Request {
    /// Checks the numbers.
    public KeepDirections {
      checkSequence(sequence);
      checkOpId(holder);
    }
  }

  /// Asks for held weights folded with their directions, `W D^T`.
  ///
  /// @param sequence its number
  /// @param holder the operation that they are held under
  /// @param folded where they go, `[O, kH, kW, m]`
  record FoldWeights(long sequence, int holder, Slot folded) implements Request {
    /// Checks the numbers.
    public FoldWeights {
      checkSequence(sequence);
      checkOpId(holder);
    }
  }

  /// Asks the worker to compute, and keep, its part of the gradient of held weights, `dY (x) X`.
  ///
  /// @param sequence its number
  /// @param opId the operation's number
  /// @param holder the operation that the weights are held under, of the same weights' shape
  /// @param x where X `[N, H, W, C]` stands
  /// @param dy where dY `[N, OH, OW, O]` stands
  record KeepGradient(long sequence, int opId, int holder, Slot x, Slot dy) implements Request {
    /// Checks the numbers.
    public KeepGradient {
      checkSequence(sequence);
      checkOpId(opId);
      checkOpId(holder);
    }
  }

  /// Asks the worker for a step of stochastic gradient descent with momentum on held weights. Their
  /// gradient is the part that it keeps and `G D`, G the other part in terms of the directions.
  ///
  /// @param sequence its number
  /// @param holder the operation that they are held under
  /// @param factor where G `[O, kH, kW, m]` stands
  /// @param rate the learning rate, at least 0 and finite
  /// @param momentum 0 to below 1
  /// @param weightDecay at least 0 and finite
  record UpdateWeights(
      long sequence, int holder, Slot factor, float rate, float momentum, float weightDecay)
      implements Request {
    /// Checks the ranges above.
    public UpdateWeights {
      checkSequence(sequence);
      checkOpId(holder);
      if (!(rate >= 0 && Float.isFinite(rate))
          || !(momentum >= 0 && momentum < 1)
          || !(weightDecay >= 0 && Float.isFinite(weightDecay))) {
        throw new IllegalArgumentException(
            "no step has the rate %s, momentum %s and weight decay %s"
                .formatted(rate, momentum, weightDecay));
      }
    }
  }

  /// Asks for held weights, or their momentum, as they are.
  ///
  /// @param sequence its number
  /// @param holder the operation that they are held under
  /// @param momentum whether it is the momentum
  /// @param values where they go, `[O, kH, kW, C]`
  record FetchHeld(long sequence, int holder, boolean momentum, Slot values) implements Request {
    /// Checks the numbers.
    public FetchHeld {
      checkSequence(sequence);
      checkOpId(holder);
    }
  }

  /// Asks the worker to fill a slot with Gaussian masks that follow from a key alone: those that
  /// the trusted side has added to what another worker gets.
  ///
  /// @param sequence its number
  /// @param masks where they go, `[examples, ...]`
  /// @param examples how many examples, at least 1
  /// @param deviation their standard deviation, positive and normal
  /// @param key what they follow from
  record ExpandMask(long sequence, Slot masks, int examples, double deviation, MaskKey key)
      implements Request {
    /// Checks the ranges above.
    public ExpandMask {
      checkSequence(sequence);
      if (examples < 1 || masks.floats() % examples != 0) {
        throw new IllegalArgumentException(
            "masks of %s values are not those of %s examples".formatted(masks.floats(), examples));
      }
      if (!(deviation >= Double.MIN_NORMAL) || Double.isInfinite(deviation)) {
        throw new IllegalArgumentException("a mask's deviation is above 0: " + deviation);
      }
    }
  }

  /// The trusted side is done; the worker exits without an answer.
  ///
  /// @param sequence its number
  record Bye(long sequence) implements Request {
    /// Checks the number.
    public Bye {
      checkSequence(sequence);
    }
  }

  /// The bytes of a slot, encoded, follow this message in the stream. Only between sides that share
  /// no memory.
  ///
  /// @param sequence to the worker: the number of the next request; from the worker: the number of
  ///   the request whose result it is
  /// @param slot where the bytes go
  record Payload(long sequence, Slot slot) implements Message {
    /// Checks the number.
    public Payload {
      checkSequence(sequence);
    }
  }

  /// The answer to [Hello].
  ///
  /// @param sequence the number of the request answered
  /// @param protocolVersion what the worker speaks
  /// @param backend what computes, for example `cpu (oneDNN 3.11)`: printable ASCII
  /// @param precision arithmetic, for example `float32`: printable ASCII
  /// @param processId the worker's process id on its own machine
  record Welcome(
      long sequence, int protocolVersion, String backend, String precision, long processId)
      implements Reply {
    /// The precision of a worker whose results mean nothing.
    public static final String COMPUTES_NOTHING = "none: computes nothing";

    /// Checks the number and the texts.
    public Welcome {
      checkSequence(sequence);
      checkText(backend);
      checkText(precision);
    }
  }

  /// A request is done and its result stands in its slot.
  ///
  /// @param sequence the number of the request answered
  /// @param cpuNanos processor time of the worker process since it started, at least 0
  record Done(long sequence, long cpuNanos) implements Reply {
    /// Checks the ranges above.
    public Done {
      checkSequence(sequence);
      if (cpuNanos < 0) {
        throw new IllegalArgumentException("processor time must not be negative: " + cpuNanos);
      }
    }
  }

  /// A request was refused.
  ///
  /// @param sequence the number of the request answered
  /// @param reason one line of printable ASCII
  record Failed(long sequence, String reason) implements Reply {
    /// Checks the number and the text.
    public Failed {
      checkSequence(sequence);
      checkText(reason);
    }

    /// A refusal whose reason is any text: what is not printable ASCII becomes `?`, and the end is
    /// cut off where it is too long.
    ///
    /// @param sequence the number of the request answered
    /// @param reason any text
    /// @return a new message
    public static Failed because(long sequence, String reason) {
      String line = reason.replaceAll("[^\\x20-\\x7e]", "?");
      return new Failed(sequence, line.substring(0, Math.min(line.length(), MAX_TEXT_BYTES)));
    }
  }

  private static void checkSequence(long sequence) {
    if (sequence < 0) {
      throw new IllegalArgumentException("a sequence number must not be negative: " + sequence);
    }
  }

  private static void checkOpId(int opId) {
    if (opId < 0 || opId > MAX_OP_ID) {
      throw new IllegalArgumentException(
          "an operation's number must be 0 to " + MAX_OP_ID + ": " + opId);
    }
  }

  // Texts end in the user's terminal: control characters would let a hostile worker write there.
  private static void checkText(String text) {
    if (text.length() > MAX_TEXT_BYTES || !text.chars().allMatch(c -> c >= 0x20 && c <= 0x7e)) {
      throw new IllegalArgumentException(
          "a text must be printable ASCII of at most " + MAX_TEXT_BYTES + " characters");
    }
  }
}
