#pragma once

/// Has threads share so many of the C library's arenas. Each thread that comes and goes would otherwise leave its own, half
/// empty. Where the C library has no arenas nothing happens.
void heap_share_arenas(int count);

/// Gives pages of the heap that nothing uses back to the system. Takes milliseconds.
void heap_give_back(void);
