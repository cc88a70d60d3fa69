/** The options of a client's provider preset that lead it to an emulator instead of the real hosts: `spotify(emulator.presetOverrides)`. */
export interface PresetOverrides {
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  /** URL of the userinfo endpoint. */
  readonly userinfo: string
  /** Origins that may get the access token. */
  readonly resourceOrigins: readonly string[]
  readonly clientId: string
  readonly clientSecret: string
  /** Where the provider speaks OpenID Connect. */
  readonly issuer?: string
  readonly jwksUri?: string
  readonly revocationEndpoint?: string
  readonly deviceAuthorizationEndpoint?: string
}
