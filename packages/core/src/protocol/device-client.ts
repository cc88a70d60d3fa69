import { LatchkeyError } from '../errors.ts'
import { answerWithin } from './answer-within.ts'
import { clientRequestContext } from './client-request.ts'
import { type DeviceCodes, type DeviceRequest, requestDeviceCodes } from './device-authorization.ts'
import { deviceCodesError } from './grant-error.ts'
import type { Provider } from './provider.ts'
import type { RefreshContext } from './refresh.ts'
import { type SignInAnswer, signInAnswer } from './sign-in-answer.ts'
import type { TokenAnswer } from './token.ts'
import { requestTokens } from './token-request.ts'

/** The requests of a device without a browser (RFC 8628). Safe for concurrent use; holds no codes. */
export class DeviceClient {
  readonly #context: Omit<RefreshContext, 'log'>
  readonly #timeoutMs: number

  /** @param timeoutMs of each request. */
  constructor(context: Omit<RefreshContext, 'log'>, timeoutMs: number) {
    this.#context = context
    this.#timeoutMs = timeoutMs
  }

  /**
   * The codes of one sign-in.
   *
   * @throws {LatchkeyError} `not_supported`: the server has no endpoint for it. Else what discovery or the server says.
   */
  async codes(request: DeviceRequest): Promise<DeviceCodes> {
    const { provider } = this.#context
    const metadata = await this.#context.metadata.get()
    const endpoint = metadata.deviceAuthorizationEndpoint
    if (endpoint === undefined) throw noEndpoint(provider)
    const context = clientRequestContext(this.#context, metadata)
    const answer = await requestDeviceCodes(context, { ...request, endpoint, deadlineMs: this.#timeoutMs })
    if (answer.kind === 'device_codes') return answer
    throw deviceCodesError(provider, answer)
  }

  /**
   * Asks once whether the user has agreed. Never throws for what the server or the network does.
   *
   * @param poll.scope what was asked for with the codes.
   * @see RFC 8628 §3.4
   */
  async poll(poll: { readonly deviceCode: string; readonly scope: readonly string[] }): Promise<TokenAnswer> {
    return answerWithin(this.#context, this.#timeoutMs, (metadata, remainingMs) => {
      return requestTokens(clientRequestContext(this.#context, metadata), {
        endpoint: metadata.tokenEndpoint,
        grant: { type: 'device_code', deviceCode: poll.deviceCode },
        requestedScope: poll.scope,
        deadlineMs: remainingMs(),
      })
    })
  }

  /**
   * The sign-in that a poll brought, its ID token verified where there is one.
   *
   * @throws {LatchkeyError} `invalid_callback`: the ID token is not to be believed. `as_unavailable`: no keys can be had.
   */
  async signIn(answer: Extract<TokenAnswer, { kind: 'token_set' }>): Promise<SignInAnswer> {
    const metadata = await this.#context.metadata.get()
    return signInAnswer({ ...this.#context, metadata }, answer)
  }
}

function noEndpoint({ id }: Provider): LatchkeyError {
  return new LatchkeyError(
    'not_supported',
    `${id}: nothing says where devices sign in. Set deviceAuthorizationEndpoint, if the server has one.`,
    { provider: id, reason: 'deviceAuthorizationEndpoint' },
  )
}
