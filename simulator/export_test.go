package simulator

// SetMaxKept changes the number of generated records that stay in memory.
func (s *Service) SetMaxKept(n int) { s.archive.maxKept = n }
