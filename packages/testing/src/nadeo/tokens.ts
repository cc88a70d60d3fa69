import { randomBytes, randomUUID } from 'node:crypto'
import { type Claims, signHs256 } from '../authorization-server/keys.ts'
import type { SecretMarks } from '../secret-marks.ts'
import type { NadeoAccount } from './accounts.ts'

/** The audiences that tokens are made for. */
export type NadeoAudienceName = 'NadeoServices' | 'NadeoLiveServices'

/** A token as it was issued. */
export interface IssuedNadeoToken {
  readonly account: NadeoAccount
  /** Of a refresh token: what the tokens are for that it brings. */
  readonly audience: NadeoAudienceName
  readonly isRefreshToken: boolean
  readonly expiresAt: number
  /** Not accepted any more, although it has not expired. */
  isEnded: boolean
}

/** Answer of login and refresh. */
export interface NadeoTokens {
  readonly accessToken: string
  readonly refreshToken: string
}

const header = { alg: 'HS256', env: 'trackmania-prod', ver: '1' }
const access = { refreshableAfter: 1_800, lifetime: 3_600 }
const refresh = { refreshableAfter: 43_200, lifetime: 86_400 }

/** Every token that was issued. */
export class NadeoTokenBook {
  readonly #issued = new Map<string, IssuedNadeoToken>()
  readonly #marks: SecretMarks
  readonly #key: string = randomBytes(32).toString('hex')

  /** Registers all secrets with `marks`. */
  constructor(marks: SecretMarks) {
    this.#marks = marks
  }

  /** A new pair for one audience. */
  issue(account: NadeoAccount, audience: NadeoAudienceName, now: number): NadeoTokens {
    const common = {
      iss: 'NadeoServices',
      usg: account.kind === 'service' ? 'Client' : 'Server',
      sid: randomUUID(),
      sat: Math.floor(now),
      sub: account.accountId,
      aun: account.displayName,
      pce: false,
      ubiservices_uid: account.ubisoftId,
    }
    const issue = (claims: Claims, times: typeof access, isRefreshToken: boolean): string => {
      const iat = Math.floor(now)
      const { refreshableAfter, lifetime } = times
      const exp = iat + lifetime
      const payload = { jti: randomUUID(), iat, rat: iat + refreshableAfter, exp, ...common, ...claims }
      const token = signHs256(header, payload, this.#key)
      this.#issued.set(token, { account, audience, isRefreshToken, expiresAt: exp, isEnded: false })
      this.#marks.add(isRefreshToken ? 'refresh_token' : 'access_token', token)
      return token
    }
    return {
      accessToken: issue({ aud: audience, rtk: false }, access, false),
      refreshToken: issue(
        { aud: 'NadeoServices', refresh_aud: audience, limit_type: 'none', rtk: true },
        refresh,
        true,
      ),
    }
  }

  /** The token, while it is accepted. */
  live(token: string, now: number): IssuedNadeoToken | undefined {
    const issued = this.#issued.get(token)
    return issued === undefined || issued.isEnded || now >= issued.expiresAt ? undefined : issued
  }

  /** Ends every access token or refresh token of an account; `undefined`: of everybody. */
  end(kind: 'access' | 'refresh', accountId?: string): void {
    for (const issued of this.#issued.values()) {
      const isMeant = accountId === undefined || issued.account.accountId === accountId
      if (isMeant && issued.isRefreshToken === (kind === 'refresh')) issued.isEnded = true
    }
  }
}
