import type { Clock } from '../clock.ts'
import type { Session } from './sessions.ts'

/** How long a login counts as just made. */
const freshSeconds = 60

/** True just after a login of this session: what it did not bring, another one will not bring either. */
export function isFresh({ record }: Session, clock: Clock): boolean {
  return clock.now() - record.completed.at < freshSeconds
}
