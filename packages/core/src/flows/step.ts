import { SealError } from '../crypto/seal.ts'
import { list, object, sealedObject, text } from '../crypto/sealed-json.ts'
import { LatchkeyError } from '../errors.ts'
import type { BaseUrl } from '../session/base-url.ts'
import type { Session } from '../session/sessions.ts'
import { sessionBinding } from '../session/transaction.ts'
import { maxTextBytes } from '../session/transaction-codec.ts'
import { loginPath } from './addresses.ts'
import type { FlowContext } from './context.ts'

/** What somebody who is signed in does at an authorization server beside their session. */
export interface Step {
  /** Add an account, or authorize one of the session's anew. */
  readonly purpose: 'link' | 'consent'
  readonly provider: string
  /** The account that a consent is about. */
  readonly subject?: string
  /** Scope beyond the provider's own. */
  readonly scope: readonly string[]
  readonly prompt: string | undefined
  readonly params: Readonly<Record<string, string>> | undefined
  /** A safe path. */
  readonly returnTo: string
}

/** So long a page with a step's button may stay open. */
const lifetimeSeconds = 3_600
/** Format of the JSON inside the seal. */
const schema = 1

/** The address of a step's page. What the code asked for is in it, sealed and bound to the session. */
export function stepAddress(context: FlowContext, session: Session, step: Step, baseUrl: BaseUrl): string {
  const { purpose, provider, ...asked } = step
  const at = context.clock.now()
  // Longer ones do not fit into the login's cookie later.
  const returnTo = Buffer.byteLength(step.returnTo) > maxTextBytes ? '/' : step.returnTo
  const plaintext = JSON.stringify({ schema, at, session: bindingOf(session), ...asked, returnTo })
  const sealed = context.sealer.seal(ticketFor(purpose, provider), Buffer.from(plaintext, 'utf8'))
  return `${stepPath(context, step, baseUrl)}?t=${Buffer.from(sealed).toString('base64url')}`
}

/** The path of a step's page, without what the code asked for. */
export function stepPath(
  { settings }: Pick<FlowContext, 'settings'>,
  { purpose, provider }: Pick<Step, 'purpose' | 'provider'>,
  baseUrl: BaseUrl,
): string {
  return `${baseUrl.path}${loginPath(settings, provider)}/${purpose}`
}

/**
 * The step that an address of {@link stepAddress} is about.
 * @throws {LatchkeyError} `state_mismatch`: made for another session, too old, or not by us.
 */
export function openStep(
  { sealer, clock }: Pick<FlowContext, 'sealer' | 'clock'>,
  session: Session,
  { purpose, provider }: Pick<Step, 'purpose' | 'provider'>,
  ticket: string,
): Step {
  try {
    const from = sealedObject(
      sealer.open(ticketFor(purpose, provider), Buffer.from(ticket, 'base64url')),
      schema,
    )
    const isLate = typeof from.at !== 'number' || Math.abs(clock.now() - from.at) > lifetimeSeconds
    if (isLate || from.session !== bindingOf(session)) throw new SealError('corrupt')
    return {
      purpose,
      provider,
      ...(from.subject === undefined ? {} : { subject: text(from.subject) }),
      scope: list(from.scope).map(text),
      prompt: from.prompt === undefined ? undefined : text(from.prompt),
      params: from.params === undefined ? undefined : paramsOf(from.params),
      returnTo: text(from.returnTo),
    }
  } catch (error) {
    if (!(error instanceof SealError)) throw error
    const message = 'The page was made for another session or is too old. Go back to where you came from.'
    throw new LatchkeyError('state_mismatch', message, { reason: 'ticket', provider })
  }
}

function ticketFor(
  purpose: Step['purpose'],
  provider: string,
): { readonly kind: 'ticket'; readonly name: string } {
  return { kind: 'ticket', name: `${purpose} ${provider}` }
}

function bindingOf({ locator, record: { userId } }: Session): string {
  return sessionBinding({ locator, userId })
}

function paramsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(object(value)).map(([name, entry]) => [name, text(entry)]))
}
