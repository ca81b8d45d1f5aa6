package platform

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// uploadBits takes the files of an app that is staged by a buildpack. What they are does not matter: they are known by their
// checksum, and all run the program of Options.Bits.
func uploadBits(c *call, v *pkg) error {
	if v.kind != "bits" {
		return unprocessable("Package type must be bits.")
	}
	if v.state != "AWAITING_UPLOAD" {
		return &apiError{400, 150004, "CF-PackageBitsAlreadyUploaded", "Bits may be uploaded only once. Create a new package to upload different bits."}
	}
	_, parameters, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return unprocessable("Uploaded bits are not a valid zip file")
	}
	form := multipart.NewReader(strings.NewReader(string(c.body)), parameters["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			return unprocessable("Upload must include either resources or bits")
		}
		if name := part.FormName(); name != "bits" && name != "resources" {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return parseError()
		}
		v.checksum = checksum(text)
		break
	}
	v.state, v.updated = "PROCESSING_UPLOAD", c.p.now()
	c.p.after(c.p.jobTime(), func() { v.state, v.updated = "READY", c.p.now() })
	c.event("audit.app.package.upload", "app", &v.app.record, v.app.space, obj{"package_guid": v.guid})
	return c.reply(200, presentPackage(c, v))
}

func checksum(bits []byte) string {
	sum := sha256.Sum256(bits)
	return hex.EncodeToString(sum[:])
}
