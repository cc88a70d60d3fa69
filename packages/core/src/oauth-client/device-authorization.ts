import type { DeviceCodes } from '../protocol/device-authorization.ts'
import { DevicePolling, type DevicePollingParts } from './device-polling.ts'
import type { TokenResponse } from './token-response.ts'

/**
 * A sign-in on another device (RFC 8628). Show `verificationUri` and `userCode`, then wait for `tokens()`. Tell the user
 * to go on only if they began this themselves: whoever enters a code that somebody else sent signs that somebody in.
 * The device code stays in here: neither inspection nor JSON shows it.
 */
export class DeviceAuthorization {
  /** What the user enters. Visible characters only. */
  readonly userCode: string
  /** The page to open, on any device. https, or http on a loopback literal. */
  readonly verificationUri: string
  /** The same page with the code filled in, for a link or a QR code. Show `userCode` all the same, to be compared. */
  declare readonly verificationUriComplete?: string
  /** Epoch seconds. */
  readonly expiresAt: number
  /** Seconds between two polls, to begin with. */
  readonly intervalSeconds: number
  readonly #polling: DevicePolling

  /** Made by `OAuthClient.deviceAuthorization()`. */
  constructor(parts: DevicePollingParts) {
    const { userCode, verificationUri, verificationUriComplete, intervalSeconds }: DeviceCodes = parts.codes
    this.userCode = userCode
    this.verificationUri = verificationUri
    if (verificationUriComplete !== undefined) this.verificationUriComplete = verificationUriComplete
    this.expiresAt = parts.expiresAt
    this.intervalSeconds = intervalSeconds
    this.#polling = new DevicePolling(parts)
  }

  /**
   * The tokens, once the user agrees. Polls no faster than the server allows, and rides out a network that fails. Safe to
   * call again, also after an abort.
   *
   * @param options.signal stops waiting at once; the rejection is its reason.
   * @throws {LatchkeyError} `access_denied`: the user said no.
   * @throws {LatchkeyError} `login_required`: with `reason: 'expired_token'` nobody agreed in time; with `refused` the
   *   server wants no more of this code.
   * @throws {LatchkeyError} `as_misconfigured`: the server does not accept this client, or not for this.
   * @throws {LatchkeyError} `invalid_callback`: the ID token is not to be believed. `as_unavailable`: its keys cannot be
   *   had; call again.
   */
  tokens(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<TokenResponse> {
    return this.#polling.tokens(options.signal)
  }
}
