import type { Clock } from '../clock.ts'
import type { LatchkeyError } from '../errors.ts'
import { abortable } from '../fetch/abortable.ts'
import type { DeviceCodes } from '../protocol/device-authorization.ts'
import type { DeviceClient } from '../protocol/device-client.ts'
import { deviceExpiredError, devicePollError } from '../protocol/grant-error.ts'
import type { Provider } from '../protocol/provider.ts'
import type { TokenAnswer } from '../protocol/token.ts'
import { firstResponse, type TokenResponse } from './token-response.ts'

/** What polling works with. */
export interface DevicePollingParts {
  readonly provider: Provider
  readonly device: DeviceClient
  readonly clock: Clock
  readonly codes: DeviceCodes
  readonly scope: readonly string[]
  /** Epoch seconds. */
  readonly expiresAt: number
}

/** One stretch of polling that somebody waits for. */
interface Run {
  readonly response: Promise<TokenResponse>
  readonly stop: AbortController
}

type Tokens = Extract<TokenAnswer, { kind: 'token_set' }>

/** What each `slow_down` adds, for good (RFC 8628 §3.5). */
const slowDownSeconds = 5
/** A network that fails slows polling down to this, unless the server wants it slower still. */
const longestBackOffSeconds = 60

/**
 * Waits for the user of one device. One request at a time, never before its time, and none after the codes expired by
 * the time that passes, wherever the wall clock stands. Whoever asks while it runs waits for the same answer.
 *
 * @see RFC 8628 §3.4 and §3.5
 */
export class DevicePolling {
  readonly #parts: DevicePollingParts
  #intervalSeconds: number
  #waitSeconds: number
  #failures = 0
  #waiting = 0
  #run: Run | undefined
  /** Sent, and not looked at yet: it may bring the tokens although nobody waits any more. */
  #sent: Promise<TokenAnswer> | undefined
  #tokens: Tokens | undefined
  #ended: LatchkeyError | undefined

  constructor(parts: DevicePollingParts) {
    this.#parts = parts
    this.#intervalSeconds = parts.codes.intervalSeconds
    this.#waitSeconds = parts.codes.intervalSeconds
  }

  /** What the user's decision brings. A caller that aborts is let go at once; the last one to go stops the polling. */
  async tokens(signal: AbortSignal | undefined): Promise<TokenResponse> {
    signal?.throwIfAborted()
    this.#waiting += 1
    this.#run ??= this.#start()
    try {
      return await abortable(this.#run.response, signal)
    } finally {
      this.#waiting -= 1
      if (this.#waiting === 0) this.#stop()
    }
  }

  #start(): Run {
    const stop = new AbortController()
    return { response: this.#poll(stop.signal), stop }
  }

  #stop(): void {
    this.#run?.stop.abort()
    this.#run = undefined
  }

  async #poll(stop: AbortSignal): Promise<TokenResponse> {
    const { provider, device, clock, codes, expiresAt } = this.#parts
    // A timer that nobody waits for would keep the process alive, so between two runs the wall clock has to do.
    const leftSeconds = Math.min(Math.max(expiresAt - clock.now(), 0), codes.expiresInSeconds)
    const expiry = new AbortController()
    const cancel = clock.after(leftSeconds * 1000, () => expiry.abort())
    try {
      while (this.#tokens === undefined) this.#react(await this.#next(stop, expiry.signal))
      return firstResponse(provider, await device.signIn(this.#tokens))
    } finally {
      cancel()
    }
  }

  async #next(stop: AbortSignal, expiry: AbortSignal): Promise<TokenAnswer> {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#sent === undefined) {
      const { provider, device, clock, codes, scope } = this.#parts
      await pause(clock, this.#waitSeconds, AbortSignal.any([stop, expiry]))
      stop.throwIfAborted()
      if (expiry.aborted) throw this.#end(deviceExpiredError(provider))
      this.#sent = device.poll({ deviceCode: codes.deviceCode, scope })
    }
    const answer = await abortable(this.#sent, stop)
    this.#sent = undefined
    return answer
  }

  /** Takes what an answer says, whatever its status: Auth0 says 403 and 429 where RFC 8628 says 400. */
  #react(answer: TokenAnswer): void {
    if (answer.kind === 'token_set') {
      this.#tokens = answer
      return
    }
    const error = answer.kind === 'identity_changed' ? undefined : answer.oauth?.error
    const asked = answer.kind === 'retry' ? (answer.retryAfterSeconds ?? 0) : 0
    if (error === 'authorization_pending' || error === 'slow_down') {
      this.#failures = 0
      if (error === 'slow_down') this.#intervalSeconds += slowDownSeconds
      this.#waitSeconds = Math.max(this.#intervalSeconds, asked)
    } else if (answer.kind === 'retry') {
      this.#failures += 1
      const backOff = Math.min(this.#intervalSeconds * 2 ** this.#failures, longestBackOffSeconds)
      this.#waitSeconds = Math.max(this.#intervalSeconds, backOff, asked)
    } else {
      throw this.#end(devicePollError(this.#parts.provider, answer))
    }
  }

  #end(error: LatchkeyError): LatchkeyError {
    this.#ended = error
    return error
  }
}

/** Resolves after so many seconds, or as soon as `end` aborts. */
function pause(clock: Clock, seconds: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      cancel()
      end.removeEventListener('abort', over)
      resolve()
    }
    const cancel = clock.after(seconds * 1000, over)
    end.addEventListener('abort', over)
    if (end.aborted) over()
  })
}
