package asymml.untrusted;

import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Region;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/// Takes requests off the link, in order, and puts streamed tensors into the region.
///
/// Where tensors come in the stream it reads ahead on a thread of its own. Otherwise the trusted
/// side, writing a tensor, and this side, writing a result, could each wait for the other to read.
/// Where memory is shared all messages are small, and the thread that computes reads them itself.
final class RequestReader implements AutoCloseable {
  // Above what a trusted side keeps in flight; a peer that sends more waits.
  private static final int READ_AHEAD = 256;
  private static final long NONE = -1;
  private static final Duration PAYLOAD_LIMIT = Duration.ofMinutes(10);

  private sealed interface Item {}

  private record Arrived(Message.Request request) implements Item {}

  private record Ended(ProtocolException why) implements Item {}

  private record Broken(Throwable why) implements Item {}

  private final Link link;
  private final BlockingQueue<Item> items = new ArrayBlockingQueue<>(READ_AHEAD);
  // Released once a request for a region has been served.
  private final Semaphore regionServed = new Semaphore(0);
  private volatile @Nullable Region region;
  private long lastSequence = NONE;
  private @Nullable Thread aheadReader;

  RequestReader(Link link) {
    this.link = link;
  }

  /// Says where streamed tensors go from now on, once a request for a region has been served. What
  /// comes behind that request is not read before, whatever the trusted side sends: no tensor is
  /// under way into the region that goes.
  ///
  /// @param current the region, or null if there is none
  void deliverTo(@Nullable Region current) {
    this.region = current;
    regionServed.release();
  }

  /// Reads the first request.
  Message.Request first(Deadline deadline) throws ProtocolException {
    return read(deadline);
  }

  /// Waits for the next request after the first, as long as it takes.
  Message.Request next() throws ProtocolException, InterruptedException {
    if (!link.streamed()) {
      return read(Deadline.NEVER);
    }
    if (aheadReader == null) {
      aheadReader = Thread.ofPlatform().daemon().name("request-reader").start(this::readAhead);
    }
    return switch (items.take()) {
      case Arrived(Message.Request request) -> request;
      case Ended(ProtocolException why) -> throw why;
      case Broken(Throwable why) ->
          throw new IllegalStateException("the reader of requests failed: " + why, why);
    };
  }

  // Whatever ends this thread ends the session: it waits for the next item.
  private void readAhead() {
    try {
      try {
        while (true) {
          Message.Request request = read(Deadline.NEVER);
          items.put(new Arrived(request));
          if (request instanceof Message.MapRegion) {
            regionServed.acquire();
          }
        }
      } catch (ProtocolException e) {
        items.put(new Ended(e));
      } catch (RuntimeException | Error e) {
        items.put(new Broken(e));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Message.Request read(Deadline deadline) throws ProtocolException {
    long announced = NONE; // by payloads, which carry the number of the next request
    while (true) {
      Message message = link.receive(deadline);
      long step = message.sequence() - lastSequence;
      if (step < 1
          || step > Message.MAX_SEQUENCE_STEP
          || (announced != NONE && announced != message.sequence())) {
        throw new ProtocolException(
            "the trainer sent message " + message.sequence() + " after message " + lastSequence);
      }
      switch (message) {
        case Message.Payload payload -> {
          announced = payload.sequence();
          receive(payload);
        }
        case Message.Request request -> {
          lastSequence = request.sequence();
          return request;
        }
        case Message.Reply _ -> throw new ProtocolException("the trainer sent a reply");
      }
    }
  }

  private void receive(Message.Payload payload) throws ProtocolException {
    Region target = region;
    if (!link.streamed() || target == null || !target.holds(payload.slot())) {
      throw new ProtocolException("the trainer sent a tensor that has no place");
    }
    link.receiveTensor(target.at(payload.slot()), Deadline.in(PAYLOAD_LIMIT));
  }

  /// Ends the reading ahead, and the link with it, which it may wait for: after this no thread
  /// writes to a region. Idempotent.
  @Override
  public void close() {
    if (aheadReader == null) {
      return;
    }
    link.close();
    aheadReader.interrupt();
    boolean interrupted = false;
    while (aheadReader.isAlive()) {
      try {
        aheadReader.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
