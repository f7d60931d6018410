package dev.kerneltracer.load;

import java.util.List;

/// Where the requests of a plan come from.
public sealed interface RequestSource {
  /// Drawn from a mix.
  record Mixed(Mix mix) implements RequestSource {}

  /// What others sent once: [Recording].
  ///
  /// @param timed whether it says when
  record Recorded(List<RequestShape> shapes, boolean timed) implements RequestSource {
    public Recorded {
      shapes = List.copyOf(shapes);
    }
  }
}
