// Keys in PEM form, made with the openssl command for these tests alone.
#pragma once

#include <string_view>

namespace pem {

inline constexpr std::string_view ec_with_params =
    "-----BEGIN EC PARAMETERS-----\n"
    "BggqhkjOPQMBBw==\n"
    "-----END EC PARAMETERS-----\n"
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIEgVidJ3yngofAnw/65gODS0wqm9/9LZI+66AYVFkU7poAoGCCqGSM49\n"
    "AwEHoUQDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQ\n"
    "edecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view ec_sec1 =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIEgVidJ3yngofAnw/65gODS0wqm9/9LZI+66AYVFkU7poAoGCCqGSM49\n"
    "AwEHoUQDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQ\n"
    "edecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view ec_pkcs8 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSBWJ0nfKeCh8CfD/\n"
    "rmA4NLTCqb3/0tkj7roBhUWRTumhRANCAAS78jb3QPBJqky69qqh7YJtnums/Dax\n"
    "HuiBXN6uJxaajO3RgFCTCZB515ylCY+F8JbScOsJUjQtN2VWm0zfAKyh\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view ec_spki =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2\n"
    "sR7ogVzericWmozt0YBQkwmQedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view ec_compressed =
    "-----BEGIN PUBLIC KEY-----\n"
    "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADu/I290DwSapMuvaqoe2CbZ7prPw2\n"
    "sR7ogVzericWmow=\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view ec_pkcs8_encrypted =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgM5ddZZCSy2gICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEH6ErkQqU1n7vUFtgLjen00EgZBD\n"
    "KKBCq9TQRDxCo6j66ejnFvU1HyKyGtpkUGXMxdbSXtB+iBuy6sk9SyCSN8Cw8ax/\n"
    "SS2CUS0XiOblY+u0fhm78mObfsgHeD8o2TdtHK1S4YnvplhFDzc09ZpsP0qrgdOG\n"
    "/Zd8Ka0yFX4FPfsvRwGzxwu7QRT/+2s8T+a0e/ErOO2ctoteg5FpgZoAcVsOq5s=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

inline constexpr std::string_view ec_sec1_encrypted =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,118AB5E7D6C66CB5AF5285D808E48882\n"
    "\n"
    "1/FKT/RJ14a+DpLnxy478LNn+XPI6VmmvDg9kD1SoylV2YpVYwhjjXeRzCr0sFL5\n"
    "ZFJRVWbmFMVnawIbAIHu6ZowhRhAV1fLt7XRpScWEYNRS6SFrSGewoCiqbQCzGpQ\n"
    "dmUPrudCS3k2ZxcfddjG9Ee0b/Q6aVg2jReY0atEyp0=\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view ec_explicit =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\n"
    "AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n"
    "///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\n"
    "NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\n"
    "RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n"
    "//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABLvyNvdA8EmqTLr2qqHtgm2e\n"
    "6az8NrEe6IFc3q4nFpqM7dGAUJMJkHnXnKUJj4XwltJw6wlSNC03ZVabTN8ArKE=\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view k1_spki =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEx2j6BRVQud8Zhxmi4HLcCzkiKvvXxCxK\n"
    "GNP+zobkyA54i6fcHWy/xSVa1paaAMs1CMPYyPupFi8gOIZOLcKthQ==\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view ed_pkcs8 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINjG8bUb4Pk3IO4A299GNJ4T1K+TpYa0ccGBCAQYaOcG\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view ed_spki =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view x25519_spki =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VuAyEAKEVB93o/qtqZg3wf2xI2kCSmWcljXuy/ZMfzylLqwRs=\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view rsa_pkcs8 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCa8KVIV6CL6/G0\n"
    "KKZ7yucqtl3Q0RGr1Ls9mi7yt9f5RHdP8UHHCalFlNCsxX7T3NxCRnXpB/mZZeHc\n"
    "CoMzXRi8n8gDNNFChJXBZ5A5XKNIiL+o24vwlPtD9zmgVdB5B1mAiDN8pfCkbf6p\n"
    "Nw0Ukugt4cKV9xwHh8vcTPKymZDWiiRYjhV+YnceI8bNg11wB4dIJK7O6eNo/98h\n"
    "h7cm3PKmYiM+zA2tTD41kOXGW8hZ+0AUxlcq8CQ+CGQN0coViCKBdlazlQPrtRNn\n"
    "DtHRcbeJ1KE+u2H5+COqXiBYKLhGp+w0bHZfCo7aUz/x3bO7mKr2+GhL7bpOZOZk\n"
    "XGKcH5dJAgMBAAECggEAAU+LQqOV9MCY/WHwiPZDz+VV/bhp4L0iQvS8qQ4Ly72f\n"
    "puKYPr1zxW3NJlrmD5d4Trb80iHKBYZ7aYmnWLgREvnG0p61lrbC5GIijEQILkq6\n"
    "VNB58g7IHdjl+QTZTBrtwLoTapq1AJ8ZHtNX/DgowZsUUPn9EE1cybh8sCzOZd2B\n"
    "V70sXlpcl3CbK5FnMDImluiIMc+3jq+9tXlWE1lS+2woP0fVt1vDrbLE5Tzl01w5\n"
    "7oE5iTKJyXGimU5/UglDgpOZ9vlmUgZlmsgo04+Ck67+t2X+80Kht2szk3Ig5ykR\n"
    "LdKMhQtBdQNzk5x0ZIRpfC0tDX+rCGPJhaZxbjYrEQKBgQDRWpe47P11cIpqQiyV\n"
    "xxLLfFtmvhDNpRr1UYDYrkuZRtY8aMlCmwVmov76t6lwi+WEeBLeXp565pnDgvxM\n"
    "IV775BHIBpgYuN1PpCFJ15sOMShnBuiVWG/nE/rmyBD7yXXs1b8ZTvBrDlwTKUsD\n"
    "7Vz4k/LNvkSYIeAAUkixJb7HPQKBgQC9dlKNrYzS/0PKr74ibgV0qL7pmfl0X6NT\n"
    "PKc5F6ICaNNohYUQDfsEM/ndJbd5crBI14QAW54aICcy8bSirLMt6eIe8Bl3L0CQ\n"
    "IDOnV109NRI5teDfAoemXAAdJsl8LBqeEqsWP/vCRS0y65jnsL6By1EW1UCWNaWr\n"
    "XLTce7Jw/QKBgQCBX+6rBSmMzcN77vEGjkN7JJqHX6WasBF80KVDQlLNogz6v/bA\n"
    "BnTL/KZ94coAFzP7LQjcCrT9Vkxnmia4FVdRapvidNDBVlzNvqwjqe3UU2SYZpiM\n"
    "0l40+w/uVmzIbLNHbL/vr+y6++DCpp4JC0KNC0DdDFvvd9+p0y/A6YaAMQKBgFuk\n"
    "ZAILtFZLCqt7nmhg91qaVN4BkFvt9r5IVEqVV9P6iGfCTb6aRJSf33hMyhaAlyxk\n"
    "soDJ0AurCcrmhw04o+LNgoacdHTl8kDEkrea1orIpOwtQXwdaSfa0GNJY6QgYS+c\n"
    "sAyvHkO12ksLEobfQwbdJXf55qfBg0UELqeHXaSxAoGAJMxTrSVjB/1SJMe9Wh2o\n"
    "sslIqmgUHSII15rqbLrnq7n1mDWdRyYoMgvqFP5gxZHnEhGGM4X5e2+4ttOjC6bO\n"
    "B+4eN5X2wElog0wTidhDFnUrDkz0kB4/Slj2A5TjPd0DylEopqRI5i3EYoA3tYpM\n"
    "pqddan1IcaosNw40sfNn6no=\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view rsa_pkcs1 =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEowIBAAKCAQEAmvClSFegi+vxtCime8rnKrZd0NERq9S7PZou8rfX+UR3T/FB\n"
    "xwmpRZTQrMV+09zcQkZ16Qf5mWXh3AqDM10YvJ/IAzTRQoSVwWeQOVyjSIi/qNuL\n"
    "8JT7Q/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLoLeHClfccB4fL3EzyspmQ1ookWI4V\n"
    "fmJ3HiPGzYNdcAeHSCSuzunjaP/fIYe3JtzypmIjPswNrUw+NZDlxlvIWftAFMZX\n"
    "KvAkPghkDdHKFYgigXZWs5UD67UTZw7R0XG3idShPrth+fgjql4gWCi4RqfsNGx2\n"
    "XwqO2lM/8d2zu5iq9vhoS+26TmTmZFxinB+XSQIDAQABAoIBAAFPi0KjlfTAmP1h\n"
    "8Ij2Q8/lVf24aeC9IkL0vKkOC8u9n6bimD69c8VtzSZa5g+XeE62/NIhygWGe2mJ\n"
    "p1i4ERL5xtKetZa2wuRiIoxECC5KulTQefIOyB3Y5fkE2Uwa7cC6E2qatQCfGR7T\n"
    "V/w4KMGbFFD5/RBNXMm4fLAszmXdgVe9LF5aXJdwmyuRZzAyJpboiDHPt46vvbV5\n"
    "VhNZUvtsKD9H1bdbw62yxOU85dNcOe6BOYkyiclxoplOf1IJQ4KTmfb5ZlIGZZrI\n"
    "KNOPgpOu/rdl/vNCobdrM5NyIOcpES3SjIULQXUDc5OcdGSEaXwtLQ1/qwhjyYWm\n"
    "cW42KxECgYEA0VqXuOz9dXCKakIslccSy3xbZr4QzaUa9VGA2K5LmUbWPGjJQpsF\n"
    "ZqL++repcIvlhHgS3l6eeuaZw4L8TCFe++QRyAaYGLjdT6QhSdebDjEoZwbolVhv\n"
    "5xP65sgQ+8l17NW/GU7waw5cEylLA+1c+JPyzb5EmCHgAFJIsSW+xz0CgYEAvXZS\n"
    "ja2M0v9Dyq++Im4FdKi+6Zn5dF+jUzynOReiAmjTaIWFEA37BDP53SW3eXKwSNeE\n"
    "AFueGiAnMvG0oqyzLeniHvAZdy9AkCAzp1ddPTUSObXg3wKHplwAHSbJfCwanhKr\n"
    "Fj/7wkUtMuuY57C+gctRFtVAljWlq1y03HuycP0CgYEAgV/uqwUpjM3De+7xBo5D\n"
    "eySah1+lmrARfNClQ0JSzaIM+r/2wAZ0y/ymfeHKABcz+y0I3Aq0/VZMZ5omuBVX\n"
    "UWqb4nTQwVZczb6sI6nt1FNkmGaYjNJeNPsP7lZsyGyzR2y/76/suvvgwqaeCQtC\n"
    "jQtA3Qxb73ffqdMvwOmGgDECgYBbpGQCC7RWSwqre55oYPdamlTeAZBb7fa+SFRK\n"
    "lVfT+ohnwk2+mkSUn994TMoWgJcsZLKAydALqwnK5ocNOKPizYKGnHR05fJAxJK3\n"
    "mtaKyKTsLUF8HWkn2tBjSWOkIGEvnLAMrx5DtdpLCxKG30MG3SV3+eanwYNFBC6n\n"
    "h12ksQKBgCTMU60lYwf9UiTHvVodqLLJSKpoFB0iCNea6my656u59Zg1nUcmKDIL\n"
    "6hT+YMWR5xIRhjOF+XtvuLbTowumzgfuHjeV9sBJaINME4nYQxZ1Kw5M9JAeP0pY\n"
    "9gOU4z3dA8pRKKakSOYtxGKAN7WKTKanXWp9SHGqLDcONLHzZ+p6\n"
    "-----END RSA PRIVATE KEY-----\n";

inline constexpr std::string_view rsa_spki =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmvClSFegi+vxtCime8rn\n"
    "KrZd0NERq9S7PZou8rfX+UR3T/FBxwmpRZTQrMV+09zcQkZ16Qf5mWXh3AqDM10Y\n"
    "vJ/IAzTRQoSVwWeQOVyjSIi/qNuL8JT7Q/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLo\n"
    "LeHClfccB4fL3EzyspmQ1ookWI4VfmJ3HiPGzYNdcAeHSCSuzunjaP/fIYe3Jtzy\n"
    "pmIjPswNrUw+NZDlxlvIWftAFMZXKvAkPghkDdHKFYgigXZWs5UD67UTZw7R0XG3\n"
    "idShPrth+fgjql4gWCi4RqfsNGx2XwqO2lM/8d2zu5iq9vhoS+26TmTmZFxinB+X\n"
    "SQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view rsa_pkcs1_public =
    "-----BEGIN RSA PUBLIC KEY-----\n"
    "MIIBCgKCAQEAmvClSFegi+vxtCime8rnKrZd0NERq9S7PZou8rfX+UR3T/FBxwmp\n"
    "RZTQrMV+09zcQkZ16Qf5mWXh3AqDM10YvJ/IAzTRQoSVwWeQOVyjSIi/qNuL8JT7\n"
    "Q/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLoLeHClfccB4fL3EzyspmQ1ookWI4VfmJ3\n"
    "HiPGzYNdcAeHSCSuzunjaP/fIYe3JtzypmIjPswNrUw+NZDlxlvIWftAFMZXKvAk\n"
    "PghkDdHKFYgigXZWs5UD67UTZw7R0XG3idShPrth+fgjql4gWCi4RqfsNGx2XwqO\n"
    "2lM/8d2zu5iq9vhoS+26TmTmZFxinB+XSQIDAQAB\n"
    "-----END RSA PUBLIC KEY-----\n";

inline constexpr std::string_view rsa1024_spki =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCZoNw72vFRCeK+VjB1Ytw7L5v1\n"
    "CQIb+DcLoZygAuORk+yKx8OqWT928bCI/ELv0HPcOwAsDatPbqmNEPVxRVx516JT\n"
    "YEU0Vpw1mkbX5ixIdYcKkpYCqPpjcpltGQPTNDpHi/IjSXL6effi8msjiUscAWxx\n"
    "ZCNBnnw9j9kngQY4vwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view rsapss_spki =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAPmxyVSpJgX+4OovDTTpSfW7\n"
    "nPFBDISK4IrWjfYDwrdHQVSrLV+dYAzaSt9OkVdeHDTIBBq4ryuyeO9EpvqzFcvb\n"
    "X1L8ZPgyO5ZGl4pUMuEwtiGoszGjJLx1hRRDfx/TwUWStmksFbUqBwQTBOV2DZ9t\n"
    "MGAWe+JVNoNXbpcoH+wlIcjWnWUzRtxot1isN9wvpsO1HIK89yZAZmzN2et3SojJ\n"
    "k2wM19c54ezTsQV0KAuDhLfCgQR711Dw3wq8hegcLtv/bshX3tf7gpKb0qdeaCkj\n"
    "V7eFIMFdkBSNgVIe8p9IRxOEVFEwBMpXxLjTfpeWxawiWpCUKq4JwEYWDQVWbb0C\n"
    "AwEAAQ==\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view rsa3_pkcs1 =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIE2AIBAQKCAQEAy1Mgu8dB2wAAGGx/xuJLPjqpGa6m5aNaSlndzEfZGNlcqXka\n"
    "/OsUBwsu89gwyrNL9jP/mZarMLmzePrTvKqqkuI6gqxV/FBpQUPNWHE+ZUCUxtL/\n"
    "kg1w28khvC3txFxmRxxgh8Inp19pTHBb939R63X0cF1VzuenhcgGqcGgA4V8FSPj\n"
    "hRSe2FIf5wzqA2rSTT5D2BeD08NO4Sx3biljZUBiwxo3DR35v1rz3PKaQH6OJItc\n"
    "3qgfEwYh2D2e6NsCiXzcH6iMhotHcQqczM05IWrbMEgbk0AReHtuKXRNcrfaYqGm\n"
    "stPkKKvzLWJGbywoQ7Qo3aN4iEmv8ociDYLIDwIDAQABAoIBAAMT3wr4mSaXeWjl\n"
    "O4nnIvxuJuEco6oWLuexNIpDDCY0JBLsolvxsvvoT22heBuZWyz+3H+WqEC0juLl\n"
    "6Q6SBsLyabBQq3yGOxGh1RnhnPArahUYXIX3xzRSFedzmaBmYGxGXrr2fFakfzV5\n"
    "1AHZmAz+FMKRaW9F2k8fRjbi9gSut1URTSzYJciip1rZRDflWZR6MTBgtNLNzXbO\n"
    "Mb5E3ZO9KVNrv9gpiZIknt4K1AXCVw5kVCngLp5Og8hu97KXMIqSaNJh67lS1Hnn\n"
    "r6dT6NQAdCfBl20QiJcuVIcAw4vIIqL5HatyGA04uhrmj+e5BNb+YoK9ln4kGKWC\n"
    "Szz8gAECVgf59DvQIHqCW0TC8gI7r/NUeTrJaPWNtf88XnnIIE1aOrs+QLuw5W5j\n"
    "qk17z54A8bkU7veMGSNJ0ixmxe6y3up2mIBo6WDu7wLiCKJ2p4PnjNUgEimBAlYG\n"
    "qJ+tVsGfFKLz3aBQWgia5A3CLtKYjX9tnL4aumfDR1XR9W1yztdJ+bRcD16TCu8g\n"
    "eDcavYXENvOQuAdHC20oLUZqSNAE+G1Sk6b8uqWigujs1UANKwJWBACDbCdGxHD3\n"
    "Pg7ZwgkUhPATS02W3e1WLVOqy0t/+Y+V/DCF5iYhVzumTO4cA1jR71zzcTzXt/7n\n"
    "9uMx2Evi0JzkczkwLzRys22Zi3ohHmtlG+HVewECVgCGSkYSnqBUtN23aQjLfwAM\n"
    "1VSl8atZAl/1SDi81K3asdUfm6a+ytEmHeJex5mX8+y/679sjNw/ZALTrKcZLFlM\n"
    "784xvEmX9Kzbuv0QCzp5S7ZUun4PAlYEJZ48Bmrg75BTvTHlzl4Huaxf7QwKT0T7\n"
    "yala37HDi0WmX5cojeStzgDP+YqqkHuWbqJWhwFPhbRmcGCjVilRzPzNvpMgPT3f\n"
    "n9gqvhja9U3U9M/UjzCCAQswggEHAlYD1AV9ok3RNeIZMNmuSa2xPMQ8nS2iXm8T\n"
    "ZM9/2AuI5OrnfFSpDf+xuw7335zn3a96WiuBHIJTRb7Fkg2AquVoE6Ba+LfEKfOr\n"
    "x1VdeJcaJ7IkWF7bLQJWAUCIZzX9k662+5xBpkKM38pLOLQD5/ZRCBvRzjOgWi7d\n"
    "Mcc1fXGJrtzKoYHutNuJ+E+jqP/lFE1cfwwtBGdgzvCUYwy0NiGuhAGXRxIZAcH3\n"
    "/vE0XSUCVWWhiH9UrIUtRj9J0WsXc1wxZPrt6UKyMzIvbVl8yqDCJRzFTK0deFkP\n"
    "rThoVsNXPkt9O9RDwx3Bmn//YPONunJt0cxJ1euUctWaJkZeJcA59+jm/Ow=\n"
    "-----END RSA PRIVATE KEY-----\n";

inline constexpr std::string_view cert =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbTCCAROgAwIBAgIUIoBXVHbaK0bc7TKMEkzv2tJtSL0wCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBeDAeFw0yNjExMjEyMjAyMzBaFw0yNjExMjIyMjAyMzBaMAwx\n"
    "CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS78jb3QPBJqky6\n"
    "9qqh7YJtnums/DaxHuiBXN6uJxaajO3RgFCTCZB515ylCY+F8JbScOsJUjQtN2VW\n"
    "m0zfAKyho1MwUTAdBgNVHQ4EFgQUJ6VBypV4uH+X/TF8El23Vw87t6EwHwYDVR0j\n"
    "BBgwFoAUJ6VBypV4uH+X/TF8El23Vw87t6EwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNIADBFAiBD/dbPJOGNAMdFGJZunVjxrnAHbqKCe2xsrnNMHdlBmAIh\n"
    "APjGw3OUgOFZKoHiurkKHep1aCJsorPHgFePkJIpuDBF\n"
    "-----END CERTIFICATE-----\n";

} // namespace pem
