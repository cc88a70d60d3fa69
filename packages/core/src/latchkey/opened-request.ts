import { LatchkeyError } from '../errors.ts'
import type { PlainRequest, Reply } from '../flows/http.ts'
import type { OnLogin } from '../flows/settings.ts'
import type { Settings } from '../options.ts'
import {
  type Answer,
  type LoginOptions,
  type LogoutOptions,
  type RequestOAuth,
  type RequestOAuthParts,
  requestOAuth,
  type SessionOutcome,
  sessionForLogin,
} from '../request-oauth.ts'
import type { SessionAccount } from '../session/record.ts'
import type { Session } from '../session/sessions.ts'
import type { EarlyRead } from '../vault/early-read.ts'
import type { Parts } from './parts.ts'
import { requireUserId } from './user-id.ts'

/** A request whose session is known, or known to be unreadable. */
export interface OpenedRequest {
  readonly request: PlainRequest
  readonly outcome: SessionOutcome
  readonly answer: Answer
  readonly onLook?: (() => void) | undefined
  /** The grant that it will probably use. */
  readonly early?: EarlyRead | undefined
}

/** The `req.oauth` of a request. */
export function oauthOf<Id extends string>(parts: Parts, opened: OpenedRequest): RequestOAuth<Id> {
  return requestOAuth<Id>(new OpenedParts(parts, opened))
}

class OpenedParts implements RequestOAuthParts {
  readonly outcome: SessionOutcome
  readonly answer: Answer
  readonly #parts: Parts
  readonly #opened: OpenedRequest

  constructor(parts: Parts, opened: OpenedRequest) {
    this.outcome = opened.outcome
    this.answer = opened.answer
    this.#parts = parts
    this.#opened = opened
  }

  get vault(): Parts['vault'] {
    return this.#parts.vault
  }

  get clients(): Parts['clients'] {
    return this.#parts.clients
  }

  get dispatcher(): RequestOAuthParts['dispatcher'] {
    return this.#parts.transport.dispatcher
  }

  get early(): EarlyRead | undefined {
    return this.#opened.early
  }

  onUse(provider: string): void {
    this.#parts.earlyGrants.note(this.#opened.request.url, provider)
  }

  onLook(): void {
    this.#opened.onLook?.()
  }

  disconnect(userId: string, account: SessionAccount): Promise<void> {
    return this.#parts.flows.disconnect(userId, account)
  }

  login(options: LoginOptions): Promise<Reply> {
    const { request, outcome } = this.#opened
    const { provider, scope, link = false, prompt, params, returnTo } = options
    const asked = { provider, scope, link, prompt, params, returnTo }
    return this.#parts.flows.login(request, sessionForLogin(outcome, options), asked)
  }

  logout(current: Session | undefined, { returnTo, everywhere = false }: LogoutOptions): Promise<Reply> {
    return this.#parts.flows.logout(this.#opened.request, current, { returnTo, everywhere })
  }
}

/** The app's `onLogin` as the flows call it: with a `req.oauth` that says who was signed in before. */
export function onLoginOf({ onLogin }: Settings, parts: () => Parts): OnLogin | undefined {
  if (onLogin === undefined) return undefined
  return async (login, request, session) => {
    await request.ready?.(oauthOf(parts(), { request, outcome: { session }, answer: answersNothing }))
    const userId = await onLogin(login, request.native)
    if (userId === undefined || userId === null) return undefined
    requireUserId('The option onLogin returned a user id that cannot be used', userId)
    return userId
  }
}

/** Where nothing can be answered: outside of a route, or in a sign-in that answers itself. */
export async function answersNothing(): Promise<never> {
  throw new LatchkeyError(
    'not_supported',
    'login() and logout() answer a request, and here is none to answer. Call them in a route handler.',
  )
}
