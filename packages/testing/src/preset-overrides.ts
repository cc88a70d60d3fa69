/** The options of a client's provider preset that lead it to an emulator instead of the real hosts: `spotify(emulator.presetOverrides)`. */
export interface PresetOverrides<Secret extends string | undefined = string> {
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  /** URL of the userinfo endpoint. */
  readonly userinfo: string
  /** Origins that may get the access token. */
  readonly resourceOrigins: readonly string[]
  readonly clientId: string
  /** `undefined` for a public client. */
  readonly clientSecret: Secret
}

/** The same for a preset that verifies ID tokens and knows every endpoint. */
export interface OpenidPresetOverrides<Secret extends string | undefined = string>
  extends PresetOverrides<Secret> {
  readonly issuer: string
  readonly revocationEndpoint: string
  readonly deviceAuthorizationEndpoint: string
  readonly jwksUri: string
}
