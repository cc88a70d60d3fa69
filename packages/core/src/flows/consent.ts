import type { Clock } from '../clock.ts'
import { digest } from '../crypto/digest.ts'
import { isFresh } from '../session/is-fresh.ts'
import { isIssuedTo } from '../session/issued-to.ts'
import { grantOf, type SessionAccount } from '../session/record.ts'
import type { Session } from '../session/sessions.ts'
import type { FlowContext } from './context.ts'
import type { SignInClient } from './sign-in-client.ts'
import type { Step } from './step.ts'
import { isFirstUse } from './used-marker.ts'

/** So long a guard does not send the same browser for the same thing again. */
const brakeSeconds = 60

/** What a consent asks for: what the account has, or had when it ended, and what is wanted beside it. */
export async function consentScope(
  { vault }: Pick<FlowContext, 'vault'>,
  { locator, record }: Session,
  subject: string,
  wanted: readonly string[],
): Promise<readonly string[]> {
  const account = record.accounts.find((one) => one.subject === subject)
  const grant = account && (await vault.read(grantOf({ locator, userId: record.userId }, account)))
  const had = grant?.state === 'live' ? grant.tokens.scope : grant?.state === 'ended' ? grant.scope : []
  return [...new Set([...had, ...wanted])]
}

/**
 * The account of a session that something at `provider` is about: the one with that id, else the one that signed in,
 * else the first. `undefined`: there is none, or it was issued by another server or to another client than the
 * provider is configured with now.
 */
export function accountAt(
  { record: { accounts, user } }: Session,
  client: SignInClient,
  accountId?: string,
): SessionAccount | undefined {
  const here = accounts.filter((one) => one.provider === client.provider.id && isIssuedTo(client, one))
  if (accountId !== undefined) return here.find(({ id }) => id === accountId)
  return here.find(({ id }) => user.provider === client.provider.id && id === user.id) ?? here[0]
}

/** True just after a login that asked for the same: another one would bring no more. */
export function hasJustAsked(
  session: Session,
  { subject, scope }: Pick<Step, 'subject' | 'scope'>,
  clock: Clock,
): boolean {
  const { completed } = session.record
  return (
    isFresh(session, clock) &&
    completed.subject === subject &&
    scope.every((item) => completed.scope.includes(item))
  )
}

/**
 * True at most once a minute for the same thing in the same session: a guard that sent the browser every time it comes
 * back without what it needs would send it in circles.
 */
export async function maySend(
  context: Pick<FlowContext, 'store'>,
  { locator }: Session,
  { subject = '', scope }: Pick<Step, 'subject' | 'scope'>,
): Promise<boolean> {
  return isFirstUse(context, digest('guard', locator, subject, [...scope].sort().join(' ')), brakeSeconds)
}
