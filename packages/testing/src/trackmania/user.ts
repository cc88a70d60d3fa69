import type { EmulatedUser } from '../authorization-server/client.ts'

/** What is not known about Trackmania, each with both variants. All can be changed at any time. */
export interface TrackmaniaSwitches {
  /** Body of an error: the two fields of the RFC, or `hint` and `message` as well. @default 'rfc' */
  errorBody: 'rfc' | 'hint'
  /** A refused refresh token: 400 `invalid_grant`, or 401 `invalid_request` "The refresh token is invalid.". @default 'invalid_grant' */
  refusedRefreshToken: 'invalid_grant' | 'invalid_request'
  /** Status of `/api/user` for a token of the application itself. @default 401 */
  applicationAtUserStatus: 401 | 403
  /** The API takes a token without `Bearer ` before it. @default false */
  bareTokens: boolean
}

/** The switches at their defaults. */
export function trackmaniaSwitches(overrides: Partial<TrackmaniaSwitches> = {}): TrackmaniaSwitches {
  return {
    errorBody: 'rfc',
    refusedRefreshToken: 'invalid_grant',
    applicationAtUserStatus: 401,
    bareTokens: false,
    ...overrides,
  }
}

/** What `/api/user` says. A user of your own gets an account id made up from the id. */
export function trackmaniaUser(user: EmulatedUser): {
  readonly accountId: string
  readonly displayName: string
} {
  const digits = Buffer.from(user.id).toString('hex').slice(-12).padStart(12, '0')
  return { accountId: `00000000-0000-4000-8000-${digits}`, displayName: user.name }
}
