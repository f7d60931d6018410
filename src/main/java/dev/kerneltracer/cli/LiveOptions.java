package dev.kerneltracer.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How a watched session is shown and passed on.
final class LiveOptions {
  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      order = 20,
      description =
          "Serve Prometheus metrics at http://127.0.0.1:PORT/metrics; 0 takes a free port.")
  private @Nullable Integer metricsPort;

  @Option(
      names = "--metrics-address",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      order = 21,
      description = "Where metrics are served (default: ${DEFAULT-VALUE}; 0.0.0.0: everywhere).")
  private String metricsAddress = "127.0.0.1";

  @Option(names = "--no-view", order = 22, description = "Plain lines also on a terminal.")
  private boolean noView;

  @Option(
      names = "--format",
      paramLabel = "table|json",
      defaultValue = "table",
      order = 23,
      description = "Form of the closing summary (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Nullable Integer metricsPort() {
    return metricsPort;
  }

  String metricsAddress() {
    return metricsAddress;
  }

  boolean hasView() {
    return !noView;
  }

  OutputFormat format() {
    return format;
  }
}
