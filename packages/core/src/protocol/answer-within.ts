import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { MetadataSource, ServerMetadata } from './metadata.ts'
import type { RetryReason, TokenAnswer } from './token.ts'
import { within } from './within.ts'

/**
 * One token request, discovery included, within `deadlineMs`. Never throws for what the server, the network or our own
 * configuration does: what keeps a request from being sent is an answer too.
 *
 * @param send gets what is left of the time, measured when it is called.
 */
export async function answerWithin(
  { clock, metadata: source }: { readonly clock: Clock; readonly metadata: MetadataSource },
  deadlineMs: number,
  send: (metadata: ServerMetadata, remainingMs: () => number) => Promise<TokenAnswer>,
): Promise<TokenAnswer> {
  const endsAt = clock.now() + deadlineMs / 1000
  // Never more than there was: the clock may be set back.
  const remainingMs = (): number => Math.min((endsAt - clock.now()) * 1000, deadlineMs)
  try {
    const metadata = await within(clock, remainingMs(), source.get())
    if (metadata === undefined || remainingMs() <= 0) return notSent('timeout')
    return await send(metadata, remainingMs)
  } catch (error) {
    if (!LatchkeyError.is(error)) throw error
    if (error.code === 'as_unavailable') return notSent('network', error.retryAfterSeconds)
    return { kind: 'client_fault', oauth: { error: error.reason ?? error.code, description: error.message } }
  }
}

function notSent(reason: RetryReason, retryAfter?: number): TokenAnswer {
  const wait = retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }
  return { kind: 'retry', reason, outcome: 'not_processed', ...wait }
}
