package asymml.wire;

import java.util.Random;

/// Valid messages of all kinds with fields over their whole ranges.
final class RandomMessages {
  private final Random random;

  RandomMessages(long seed) {
    this.random = new Random(seed);
  }

  private Message mapRegion(long sequence) {
    return new Message.MapRegion(
        sequence,
        1 + random.nextLong(Slot.MAX_REGION_BYTES),
        random.nextBoolean() ? Encoding.BFLOAT16 : Encoding.FLOAT32);
  }

  Message next() {
    long sequence = random.nextLong() & Long.MAX_VALUE;
    int opId = random.nextInt(Message.MAX_OP_ID + 1);
    int holder = random.nextInt(Message.MAX_OP_ID + 1);
    return switch (random.nextInt(20)) {
      case 0 -> new Message.Hello(sequence, random.nextInt());
      case 1 -> mapRegion(sequence);
      case 2 -> new Message.DefineOp(sequence, opId, op());
      case 3 -> new Message.LoadWeights(sequence, opId, slot());
      case 4 -> new Message.Forward(sequence, opId, slot(), slot());
      case 5 -> new Message.BackwardData(sequence, opId, slot(), slot());
      case 6 -> new Message.BackwardWeights(sequence, opId, slot(), slot(), slot());
      case 7 -> new Message.Bye(sequence);
      case 8 -> new Message.Payload(sequence, slot());
      case 9 -> new Message.Welcome(sequence, random.nextInt(), text(), text(), random.nextLong());
      case 10 -> new Message.Done(sequence, random.nextLong() & Long.MAX_VALUE);
      case 11 -> {
        Slot masks = slot();
        yield new Message.ExpandMask(
            sequence,
            masks,
            masks.floats() % 3 == 0 ? 3 : 1,
            Double.MIN_NORMAL + random.nextDouble(1e30),
            new MaskKey(
                random.nextLong(), random.nextLong(), random.nextLong(), random.nextLong()));
      }
      case 12 -> new Message.HoldWeights(sequence, opId, slot(), slot());
      case 13 -> new Message.LoadHeld(sequence, opId, holder);
      case 14 -> new Message.KeepDirections(sequence, holder, slot());
      case 15 -> new Message.FoldWeights(sequence, holder, slot());
      case 16 -> new Message.KeepGradient(sequence, opId, holder, slot(), slot());
      case 17 ->
          new Message.UpdateWeights(
              sequence,
              holder,
              slot(),
              random.nextFloat(1e9f),
              random.nextFloat(),
              random.nextFloat(1e9f));
      case 18 -> new Message.FetchHeld(sequence, holder, random.nextBoolean(), slot());
      default -> new Message.Failed(sequence, text());
    };
  }

  private Slot slot() {
    long offset = 64 * random.nextLong(Slot.MAX_REGION_BYTES / 64);
    return new Slot(offset, 1 + random.nextLong((Slot.MAX_REGION_BYTES - offset) / Float.BYTES));
  }

  private OpDescriptor op() {
    int kernelHeight = 1 + random.nextInt(7);
    int kernelWidth = 1 + random.nextInt(7);
    return new OpDescriptor(
        1 + random.nextInt(300),
        7 + random.nextInt(224),
        7 + random.nextInt(224),
        1 + random.nextInt(600),
        1 + random.nextInt(600),
        kernelHeight,
        kernelWidth,
        1 + random.nextInt(4),
        random.nextInt(Math.min(kernelHeight, kernelWidth)));
  }

  private String text() {
    return random
        .ints(random.nextInt(Message.MAX_TEXT_BYTES + 1), 0x20, 0x7f)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }
}
