package httpapi

import "syscall"

// absentErrnos say that the machine does not have an address, or none of its family:
// WSAEADDRNOTAVAIL and WSAEAFNOSUPPORT.
var absentErrnos = []syscall.Errno{10049, 10047}
