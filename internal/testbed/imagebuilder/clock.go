package imagebuilder

import "time"

// catchUp advances the builds that go by the clock to where they are now.
func (b *Service) catchUp() {
	now := b.Now()
	for _, r := range b.builds {
		for r.script.Lasts != nil && !r.ended() && !r.next().After(now) {
			b.step(r)
		}
	}
}

// step advances a build by one step; one that goes by the clock, at the moment when that is due.
func (b *Service) step(r *build) {
	if r.script.Lasts != nil {
		b.then = r.next()
	}
	b.advance(r)
	b.then = time.Time{}
}

// next is when a build that goes by the clock advances.
func (r *build) next() time.Time {
	parts := max(1, r.script.Polls[r.status])
	due := r.entered.Add(r.script.Lasts[r.status] * time.Duration(r.seen+1) / time.Duration(parts))
	if r.cancelling && r.stops.Before(due) {
		return r.stops
	}
	return due
}

// moment is when what a build does happens.
func (b *Service) moment() time.Time {
	if b.then.IsZero() {
		return b.Now()
	}
	return b.then
}
