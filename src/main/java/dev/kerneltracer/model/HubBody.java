package dev.kerneltracer.model;

import java.io.ByteArrayOutputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A response's body as it comes, in a bounded number of buffers. Unlike the streams of the JDK's
/// client a read ends when nothing has come for a while.
final class HubBody implements HttpResponse.BodySubscriber<HubBody>, AutoCloseable {
  private static final int BUFFERS_AHEAD = 32;

  private sealed interface Part {
    record Bytes(List<ByteBuffer> buffers) implements Part {}

    record End() implements Part {}

    record Broken(String reason) implements Part {}
  }

  private final BlockingQueue<Part> parts = new LinkedBlockingQueue<>();
  private volatile Flow.@Nullable Subscription subscription;
  private boolean ended;

  @Override
  public CompletionStage<HubBody> getBody() {
    return CompletableFuture.completedStage(this);
  }

  @Override
  public void onSubscribe(Flow.Subscription newSubscription) {
    subscription = newSubscription;
    newSubscription.request(BUFFERS_AHEAD);
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    parts.add(new Part.Bytes(buffers));
  }

  @Override
  public void onError(Throwable failure) {
    parts.add(new Part.Broken(HubClient.reason(failure)));
  }

  @Override
  public void onComplete() {
    parts.add(new Part.End());
  }

  /// The next bytes, or null at the end.
  ///
  /// @throws TransientFailure where the connection broke, or nothing came within `patience`
  @Nullable List<ByteBuffer> next(Duration patience) throws TransientFailure, InterruptedException {
    if (ended) {
      return null;
    }
    Part part = parts.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
    return switch (part) {
      case null -> {
        close();
        throw new TransientFailure("nothing came for " + Math.max(1, patience.toSeconds()) + " s");
      }
      case Part.Bytes bytes -> {
        Flow.Subscription source = subscription;
        if (source != null) {
          source.request(1);
        }
        yield bytes.buffers();
      }
      case Part.End _ -> {
        ended = true;
        yield null;
      }
      case Part.Broken broken -> {
        ended = true;
        throw new TransientFailure("the connection broke: " + broken.reason());
      }
    };
  }

  /// All of it.
  ///
  /// @throws TransientFailure also where it is longer than `most`
  byte[] all(Duration patience, int most) throws TransientFailure, InterruptedException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (List<ByteBuffer> buffers = next(patience); buffers != null; buffers = next(patience)) {
      for (ByteBuffer buffer : buffers) {
        byte[] copy = new byte[buffer.remaining()];
        buffer.get(copy);
        bytes.writeBytes(copy);
      }
      if (bytes.size() > most) {
        close();
        throw new TransientFailure("the answer is longer than " + most + " bytes");
      }
    }
    return bytes.toByteArray();
  }

  /// Reads what is left where it is little, so that the connection serves again.
  void discard() throws InterruptedException {
    try {
      all(Duration.ofMillis(500), 1 << 16);
    } catch (TransientFailure e) {
      close();
    }
  }

  /// Gives up what has not come yet.
  @Override
  public void close() {
    Flow.Subscription source = subscription;
    if (!ended && source != null) {
      source.cancel();
    }
    ended = true;
  }
}
