// Package memory looks at what is in the memory of a node, as root sees it.
package memory
