package dev.kerneltracer.trace;

/// What the columns of one trace share, whichever thread fills them.
record EventTables(StringTable strings, CategoryTable categories, ThreadTable threads) {
  EventTables(StringTable strings) {
    this(strings, new CategoryTable(), new ThreadTable());
  }
}
