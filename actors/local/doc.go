// Package local reads files and runs commands of this machine within bounds, and judges
// who can change a directory.
//
// Key types. [Read] reads a regular file. [Command] is a program with its
// arguments, which [Command.Run] runs; [Program] finds it. [Walk] looks at a directory
// and the way to it, and says what of that others can change.
//
// Invariants.
//   - Everything read is bounded, and nothing is opened that might never end, such
//     as a pipe.
//   - No shell reads a command, and it gets nothing of this process but a handful
//     of variables: see [Environment].
//   - When Run returns, the command has ended, and so have the processes that it
//     started, unless they have left its process group. That holds where there
//     are process groups; elsewhere Run ends the command alone.
//   - No error of these holds a path, an argument, or anything that was read or printed.
//   - A directory is safe if only root, the user of this process and the owner of the
//     root directory can change it and every directory on the way. Others can change it
//     if they own it, or may write to it and it is not sticky. The private group of this
//     user counts as the user.
//
// Gotchas. A file of a network that does not answer holds up its reader, whatever
// the bounds. A program that runs as another user cannot be ended.
package local
